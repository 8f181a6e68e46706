"""What the engine tells of itself and of containers. No logic here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Seen:
    """A container as the engine tells it."""

    id: str
    name: str
    status: str  # created | running | paused | restarting | removing | exited | dead
    pid: int  # of its init, on this machine; 0: it does not run
    exit_code: int
    oom_killed: bool
    health: str  # starting | healthy | unhealthy; "": no check
    image: str  # as it was asked for
    error: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    published: Mapping[int, int] = field(default_factory=dict)

    @property
    def running(self) -> bool:
        return self.status in ("running", "restarting", "paused") and self.pid != 0


@dataclass(frozen=True, slots=True)
class EngineInfo:
    version: str
    api: str
    cpus: int
    memory: int  # bytes
    architecture: str
    cgroup: str


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened to a container of ours."""

    action: str  # start | die | oom | destroy | health_status: healthy …
    container: str
    labels: Mapping[str, str]
