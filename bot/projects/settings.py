"""[projects] of bot.toml, as plain values. No logic here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bot.projects import giturl
from bot.projects.model import Egress, GitIdentity, Push, Resources


@dataclass(frozen=True, slots=True)
class ProjectSettings:
    root: Path
    allowed_roots: tuple[Path, ...] = ()
    protocols: tuple[str, ...] = giturl.ALWAYS
    identity: GitIdentity | None = None
    push: Push = "ask"
    egress: Egress = "open"
    egress_allow: tuple[str, ...] = ()  # hosts and what is below them, for "allow-list"
    known_hosts: tuple[Path, ...] = ()
    resources: Resources | None = None  # None: from the size of the machine
    clone_timeout: float = 600.0  # seconds
    credentials_wait: float = 3600.0  # seconds that a project waits for a login to its repository
    idle_stop: float = 0.0  # seconds; 0: never
    proxy: Mapping[str, str] = field(default_factory=dict)
