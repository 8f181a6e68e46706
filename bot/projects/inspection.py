"""What is to be said of a work tree: branch, changes, what is not pushed. git runs in a throwaway container."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from bot.projects import sshconfig
from bot.projects.errors import NotReady
from bot.projects.gitrun import SAFE, Said, TimedOut
from bot.projects.model import Project
from bot.projects.workshop import Workshop

PATIENCE = 60.0  # seconds
SHOWN = 20  # files and commits that are listed
MACHINES = {"x86_64": 62, "aarch64": 183, "armv7l": 40, "riscv64": 243, "ppc64le": 21, "s390x": 22}  # elf.h, EM_*
_ELF = re.compile(r"7f454c46[0-9a-f]{32}")
MARK = "\x1e"

_GIT = " ".join(("git", *SAFE))
_STATUS = rf"""
cd /workspace
{_GIT} symbolic-ref --quiet --short HEAD || {_GIT} rev-parse --short HEAD
printf '\036'
{_GIT} log -1 --format='%h %s' 2>/dev/null | tr -d '\036' | head -c 200 || true
printf '\036'
{_GIT} status --porcelain --ignore-submodules=all | head -n 2000
printf '\036'
{_GIT} log --branches --not --remotes --format='%h %s' 2>/dev/null | tr -d '\036' | head -n 200 || true
printf '\036'
uname -m
[ -d node_modules ] && find node_modules -maxdepth 6 -name '*.node' -type f 2>/dev/null | head -n 50 |
    while IFS= read -r file; do
        printf '%s\t%s\n' "$(head -c 20 "$file" | od -An -tx1 | tr -d ' \n')" "$file"
    done || true
"""
_DIFF = rf"""
cd /workspace
base=$({_GIT} rev-parse --quiet --verify HEAD || {_GIT} hash-object -t tree /dev/null)
{_GIT} diff --no-ext-diff --no-textconv --ignore-submodules=all --stat=100 "$base" --
printf '\036'
{_GIT} ls-files --others --exclude-standard | head -n 200
printf '\036'
{_GIT} diff --no-ext-diff --no-textconv --ignore-submodules=all "$base" --
"""
_FILES = r"""
cd /workspace
find . -maxdepth 2 -path ./.git -prune -o \( -type f -o -type l \) -printf '%P\0' | head -c 200000
"""


@dataclass(frozen=True, slots=True)
class Tree:
    branch: str
    commit: str  # "3f1c2ab Add a test"; "": none yet
    changed: tuple[str, ...]  # lines of `git status --porcelain`
    unpushed: tuple[str, ...]  # commits that no remote has
    foreign: tuple[str, ...] = ()  # compiled parts of node_modules that were built for another platform

    @property
    def clean(self) -> bool:
        return not self.changed and not self.unpushed


@dataclass(frozen=True, slots=True)
class Changes:
    summary: str
    new: tuple[str, ...]  # files that git does not know
    patch: str
    cut: bool


async def tree(shop: Workshop, project: Project) -> Tree:
    """Raises NotReady, EngineUnreachable."""
    branch, commit, changed, unpushed, native = await _parts(shop, project, _STATUS, 5)
    machine, *parts = _lines(native) or ("",)
    foreign = tuple(path for head, _, path in (line.partition("\t") for line in parts) if is_foreign(head, machine))
    return Tree(branch.strip(), commit.strip(), _lines(changed), _lines(unpushed), foreign)


def is_foreign(head: str, machine: str) -> bool:
    """Whether a compiled file is for another platform than `machine` (as `uname -m` has it) under Linux.

    `head`: its first 20 bytes, in hexadecimal. ELF has the machine at byte 18, in the order that byte 5 names.
    """
    if not _ELF.fullmatch(head):
        return True  # of macOS, of Windows, or nothing at all
    order = "big" if head[10:12] == "02" else "little"
    built_for = int.from_bytes(bytes.fromhex(head[36:40]), "big" if order == "big" else "little")
    return MACHINES.get(machine, built_for) != built_for


async def changes(shop: Workshop, project: Project) -> Changes:
    """Since the last commit. Raises NotReady, EngineUnreachable."""
    said = await _said(shop, project, _DIFF)
    summary, new, patch = [*said.text.split(MARK, 2), "", "", ""][:3]
    return Changes(summary.strip(), _lines(new), patch.strip("\n"), said.cut)


async def said(shop: Workshop, project: Project, lines: int) -> str | None:
    """The latest lines of its container; None: it has none. Raises EngineUnreachable, EngineRefused."""
    seen = await shop.container(project)
    return None if seen is None else (await shop.engine.logs(seen.id, lines)).strip()


def access(shop: Workshop, project: Project, user_config: Path) -> sshconfig.Access:
    """`user_config`: the ssh configuration of whoever runs the bot."""
    included = sshconfig.is_set_up(user_config, shop.ssh_config)
    return sshconfig.Access(
        host=sshconfig.host(project.name),
        block=sshconfig.block(project.name, project.port, shop.keys(project.name), project.forwards),
        links=sshconfig.editor_links(project.name),
        include="" if included else sshconfig.include_line(shop.ssh_config),
    )


async def files(shop: Workshop, project: Project) -> tuple[str, ...]:
    """At most two levels deep."""
    said = await _said(shop, project, _FILES)
    return tuple(path for path in said.text.split("\0") if path.strip())


async def _parts(shop: Workshop, project: Project, script: str, count: int) -> list[str]:
    said = await _said(shop, project, script)
    return [*said.text.split(MARK), *[""] * count][:count]


async def _said(shop: Workshop, project: Project, script: str) -> Said:
    await shop.check_source(project)
    try:
        said = await shop.git.run(project, project.image, script, seconds=PATIENCE)
    except TimedOut:
        raise NotReady(name=project.name, reason=f"git took longer than {PATIENCE:.0f} s") from None
    if said.code:
        reason = " ".join(said.errors.split())[-300:] or f"git ended with {said.code}"
        raise NotReady(name=project.name, reason=reason)
    return said


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line for line in text.split("\n") if line.strip())
