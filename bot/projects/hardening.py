"""How every container of ours is closed in, as plain values. Pure; tests read the result back from the kernel.

No capability, no way to gain one, no host network, limits always set (P12). The Docker socket is never mounted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bot.projects.model import HOME, SSH_PORT, WORKSPACE, Owner, Resources, Role

LABEL = "tugbot.install"
PROJECT, ROLE, RUN = "tugbot.project", "tugbot.role", "tugbot.run"
LEAST_PIDS = 512  # fewer make a compiler's forks fail
KEYS = "/etc/tugbot/keys"
GIT = "/etc/tugbot/git"
LOG_SIZE = "5m"
# Starts what standard input says; see docker/base/lib/enter.
ENTER = ("/usr/bin/tini", "--", "/usr/bin/python3", "-I", "-S", "/usr/local/lib/tugbot/enter")


@dataclass(frozen=True, slots=True)
class Mount:
    source: str  # an absolute path here, or a volume's name
    target: str
    read_only: bool = False
    volume: bool = False


@dataclass(frozen=True, slots=True)
class Container:
    """One container to be made. Every field but these few is fixed by `bot.projects.engine`."""

    name: str
    image: str
    owner: Owner
    resources: Resources
    labels: Mapping[str, str]
    hostname: str = ""
    entrypoint: tuple[str, ...] | None = None  # None: the image's
    command: tuple[str, ...] | None = None
    workdir: str = WORKSPACE
    mounts: tuple[Mount, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)  # shown by `docker inspect`: never a secret
    network: str = "none"  # a network's name, "none", or "container:<id>"
    published: Mapping[int, int] = field(default_factory=dict)  # inside → port on 127.0.0.1
    stdin: bool = False
    restarts: bool = False
    health: tuple[str, ...] = ()  # command inside
    pids: int = 2 * LEAST_PIDS
    dns: tuple[str, ...] = ()

    @property
    def tmpfs(self) -> Mapping[str, str]:
        """Docker's own default is noexec, which breaks builds that run what they put into /tmp."""
        user = f"uid={self.owner.uid},gid={self.owner.gid}"
        return {
            "/tmp": f"mode=1777,exec,nosuid,nodev,size={self.resources.memory // 2}",
            "/run": f"{user},mode=0755,nosuid,nodev",
        }


def labels(install: str, role: Role, project: int | None = None, run: int | None = None) -> dict[str, str]:
    found = {LABEL: install, ROLE: role}
    if project is not None:
        found[PROJECT] = str(project)
    if run is not None:
        found[RUN] = str(run)
    return found


def network_name(install: str) -> str:
    return f"tugbot-{install}"


def home_volume(install: str, project: int) -> str:
    return f"tugbot-{install}-{project}-home"


def project_container(
    install: str,
    project: int,
    name: str,
    image: str,
    owner: Owner,
    resources: Resources,
    source: Path,
    keys: Path,
    port: int,
    env: Mapping[str, str],
    git: Path | None = None,
) -> Container:
    """The one that serves ssh. `keys`: authorized_keys and the host key; `git`: what people push with."""
    mounts = [
        Mount(str(source), WORKSPACE),
        Mount(home_volume(install, project), HOME, volume=True),
        Mount(str(keys), KEYS, read_only=True),
    ]
    if git is not None:
        mounts.append(Mount(str(git), GIT, read_only=True))
    return Container(
        name=f"tugbot-{install}-{name}",
        image=image,
        owner=owner,
        resources=resources,
        labels=labels(install, "project", project),
        hostname=name,
        mounts=tuple(mounts),
        env=env,
        network=network_name(install),
        published={SSH_PORT: port},
        restarts=True,
        health=("/usr/local/lib/tugbot/healthy",),
    )


def run_container(
    install: str,
    project: int,
    run: int,
    token: str,
    image: str,
    owner: Owner,
    resources: Resources,
    source: Path,
    network: str,
    env: Mapping[str, str],
    git: Path | None = None,
    hostname: str = "",
    dns: tuple[str, ...] = (),
) -> Container:
    """One agent's turn or warm period. Its program is told on standard input (docker/base/lib/enter)."""
    mounts = [Mount(str(source), WORKSPACE), Mount(home_volume(install, project), HOME, volume=True)]
    if git is not None:
        mounts.append(Mount(str(git), GIT, read_only=True))
    return Container(
        name=f"tugbot-{install}-run-{run}-{token}",
        image=image,
        owner=owner,
        resources=resources,
        labels=labels(install, "run", project, run),
        hostname="" if network.startswith("container:") else hostname,
        entrypoint=ENTER,
        command=(),
        mounts=tuple(mounts),
        env=env,
        network=network,
        stdin=True,
        dns=dns,
    )


def git_container(
    install: str,
    project: int,
    token: str,
    image: str,
    owner: Owner,
    mounts: tuple[Mount, ...],
    network: str,
    env: Mapping[str, str],
) -> Container:
    """A throwaway one in which git runs: a repository's own configuration executes commands (facts/containers.md, 7).

    Like a run's, its program and its secrets come by standard input.
    """
    return Container(
        name=f"tugbot-{install}-git-{project}-{token}",
        image=image,
        owner=owner,
        resources=Resources(cpus=2.0, memory=1 << 30),
        labels=labels(install, "git", project),
        entrypoint=ENTER,
        command=(),
        mounts=mounts,
        env=env,
        network=network,
        stdin=True,
    )
