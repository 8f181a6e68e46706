"""The words of projects. No logic here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

Push: TypeAlias = Literal["ask", "allow", "deny"]
Egress: TypeAlias = Literal["open", "none", "allow-list"]
Role: TypeAlias = Literal["project", "run", "git", "proxy"]  # what a container of ours is for

WORKSPACE = "/workspace"  # where the source is inside every container
HOME = "/home/dev"
SSH_PORT = 2222  # inside
USER = "dev"


class ProjectState(StrEnum):
    """Where a project is between reservation and deletion. What its container does is asked of the engine (P7)."""

    RESERVED = "reserved"  # name and port are taken; being made, or cut off by a crash
    AWAITING = "awaiting_credentials"  # the clone was refused; undone at `expires_at` unless `retry` goes on
    READY = "ready"
    DELETING = "deleting"  # confirmed; a crash goes on with it at the next start


@dataclass(frozen=True, slots=True)
class Resources:
    """What a container of the project may use. Always set."""

    cpus: float
    memory: int  # bytes


@dataclass(frozen=True, slots=True)
class Owner:
    """Numbers of the user who owns the source, here and inside."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """One row of the registry."""

    id: int  # random, never used again; in the labels of everything made for the project
    name: str
    state: ProjectState
    source: Path  # on this machine
    source_mark: str = ""  # device, inode and generation of the directory that we made; "": not made (yet)
    port: int  # on 127.0.0.1
    resources: Resources
    owner: Owner
    session: str  # the conversation it was made in, which is told what becomes of it
    target: str
    created_by: str
    created_at: float  # Unix seconds
    used_at: float
    stacks: tuple[str, ...] = ()
    git_url: str = ""
    branch: str = ""
    agent: str = ""  # "": the bot's default
    image: str = ""  # tag
    push: str = ""  # what the push check found, in words
    run: int | None = None  # the run that provisions it
    expires_at: float | None = None  # of `awaiting_credentials`
    seen: str = ""  # what people were last told about its container
    forwards: tuple[int, ...] = ()  # ports that the project wants to be reached at, through ssh
    environ: Mapping[str, str] = field(default_factory=dict)  # what the project sets in its container
    asked_for: tuple[str, ...] = ()  # the stacks named by --stack; none lets the markers decide


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A `new project` as it was asked for."""

    name: str
    stacks: tuple[str, ...] = ()  # () detects
    git_url: str = ""
    branch: str = ""
    path: Path | None = None  # None: below the root
    agent: str = ""
    cpus: float | None = None
    memory: int | None = None
    session: str
    target: str
    asked_by: str


@dataclass(frozen=True, slots=True)
class GitIdentity:
    """Who commits are by."""

    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Stack:
    """One folder of docker/stacks."""

    name: str
    fragment: str
    markers: tuple[str, ...]


class Registry(Protocol):
    """The projects, on disk. Every method is one transaction."""

    async def reserve(self, project: Project, ports: Sequence[int]) -> Project:
        """Insert it, with the first of `ports` that no project has. Raises NameTaken, PortsExhausted."""
        ...

    async def change(self, project: Project, fields: Sequence[str] = ()) -> None:
        """Write these fields of it, or all; never id, name and port. Nothing where it is gone.

        Whoever writes all must be alone with it: what others changed meanwhile would be undone.
        """
        ...

    async def remove(self, project: int) -> None:
        """Sessions that were bound to it are bound to none."""
        ...

    async def get(self, name: str) -> Project | None: ...

    async def all(self) -> Sequence[Project]:
        """By name."""
        ...
