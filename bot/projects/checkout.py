"""The source of a project, fetched or begun, in one throwaway container: clone, identity, push check, a first look."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bot.projects import devcontainer
from bot.projects.devcontainer import DevContainer
from bot.projects.errors import CloneFailed, CredentialsNeeded
from bot.projects.gitrun import SAFE, GitRunner, Said, TimedOut
from bot.projects.model import Project
from bot.projects.settings import ProjectSettings

PUSH_PATIENCE = 20  # seconds
MARK = "\x1e"  # between the parts of what the script prints

# $1 URL or "", $2 branch or "", $3 name, $4 address, $5 "push" where it is to be tried; then options for git.
_SCRIPT = r"""
url=$1 branch=$2 name=$3 address=$4 push=$5
shift 5
git config --global user.name "$name"
git config --global user.email "$address"
if [ -n "$url" ]; then
    if [ -n "$branch" ]; then set -- "$@" clone --branch "$branch"; else set -- "$@" clone; fi
    git "$@" --quiet --no-recurse-submodules -- "$url" /workspace >&2
else
    git init --quiet /workspace >&2
fi
cd /workspace
# A branch that is not born yet has a name and no commit.
git symbolic-ref --quiet --short HEAD || git rev-parse --short HEAD
printf '\036'
git rev-parse --quiet --short --verify HEAD || true
printf '\036'
if [ -n "$push" ] && [ -n "$url" ]; then
    if timeout %(patience)d git -c core.hooksPath=/dev/null push --dry-run --quiet origin \
        HEAD:refs/heads/tugbot-push-check >/dev/null 2>/tmp/push
    then echo yes; else tail -n 2 /tmp/push; fi
fi
printf '\036'
find . -maxdepth 2 -path ./.git -prune -o \( -type f -o -type l \) -printf '%%P\0' | head -c 200000
printf '\036'
if [ -f .devcontainer/devcontainer.json ] && [ ! -L .devcontainer/devcontainer.json ]; then
    head -c 100000 .devcontainer/devcontainer.json
elif [ -f .devcontainer.json ] && [ ! -L .devcontainer.json ]; then
    head -c 100000 .devcontainer.json
fi
"""

_REFUSALS = (
    "could not read Username",
    "could not read Password",
    "Authentication failed",
    "terminal prompts disabled",
    "Permission denied (publickey",
    "HTTP Basic: Access denied",
    "The requested URL returned error: 401",
    "The requested URL returned error: 403",
)


@dataclass(frozen=True, slots=True)
class Checkout:
    branch: str
    commit: str  # short; "": none yet
    push: str  # what the push check found, in words
    files: tuple[str, ...]  # at most two levels deep
    container: DevContainer = devcontainer.NONE

    def words(self, project: Project) -> str:
        if not project.git_url:
            return f"new repository on {self.branch}"
        return f"cloned {self.branch} @ {self.commit}" if self.commit else f"cloned {self.branch} (no commits yet)"


async def make(git: GitRunner, project: Project, image: str, login: Path | None, settings: ProjectSettings) -> Checkout:
    """Into the project's directory, which is empty. Raises CloneFailed, CredentialsNeeded, EngineRefused …"""
    assert settings.identity is not None
    try:
        said = await git.run(
            project,
            image,
            _SCRIPT % {"patience": PUSH_PATIENCE},
            project.git_url,
            project.branch,
            settings.identity.name,
            settings.identity.email,
            "" if settings.push == "deny" else "push",
            *SAFE,
            seconds=settings.clone_timeout,
            git=login,
            outside=bool(project.git_url),
            writes=True,
        )
    except TimedOut:
        raise CloneFailed(reason=f"it took longer than {settings.clone_timeout:.0f} s") from None
    if said.code:
        raise _failure(said, project)
    return _read(said)


def _failure(said: Said, project: Project) -> CloneFailed | CredentialsNeeded:
    lines = [line.strip() for line in said.errors.splitlines() if line.strip() and not line.startswith("Cloning into")]
    if any(refusal in said.errors for refusal in _REFUSALS):
        host = project.git_url.partition("://")[2].partition("/")[0] or project.git_url.partition(":")[0]
        return CredentialsNeeded(host=host.rpartition("@")[2], hint="")
    reason = " ".join(lines[-3:])[-500:] or f"git ended with {said.code}"
    return CloneFailed(reason=reason)


def _read(said: Said) -> Checkout:
    branch, commit, push, files, container = (said.text.split(MARK, 4) + [""] * 5)[:5]
    found = devcontainer.read(container) if container.strip() else devcontainer.NONE
    return Checkout(
        branch.strip(),
        commit.strip(),
        _push(push.strip()),
        tuple(path for path in files.split("\0") if path),
        found,
    )


def _push(said: str) -> str:
    if not said:
        return ""
    return "works" if said == "yes" else f"refused: {' '.join(said.split())[:200]}"
