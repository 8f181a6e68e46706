"""What Linux tells about processes. Every answer is a snapshot: alone it proves nothing (facts: fork-hoppers)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bot.agents.base import Identity

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Stat:
    """Fields of /proc/<pid>/stat, proc(5)."""

    pid: int
    state: str
    parent: int
    session: int
    ticks: int  # CPU time used, user and system, clock ticks
    threads: int
    start_time: int  # clock ticks since boot

    @property
    def live(self) -> bool:
        """A zombie is dead, unless only its main thread ended."""
        return self.state not in "ZXx" or self.threads > 1


def parse_stat(text: str) -> Stat:
    """The name in brackets may hold anything, brackets and spaces too: count from the last one."""
    pid, _, rest = text.partition(" ")
    fields = rest[rest.rindex(")") + 2 :].split()
    return Stat(
        pid=int(pid),
        state=fields[0],
        parent=int(fields[1]),
        session=int(fields[3]),
        ticks=int(fields[11]) + int(fields[12]),
        threads=int(fields[17]),
        start_time=int(fields[19]),
    )


def read_stat(pid: int) -> Stat | None:
    """None: there is no such process any more."""
    try:
        return parse_stat(Path(f"/proc/{pid}/stat").read_text(errors="replace"))
    except (FileNotFoundError, ProcessLookupError):
        return None


def children(pid: int) -> list[int]:
    """Pids of direct children over all threads, zombies included; empty when the process is gone."""
    found: list[int] = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            found.extend(map(int, (task / "children").read_text().split()))
    except (FileNotFoundError, ProcessLookupError):
        return found
    return found


def descendants(pid: int) -> Iterator[Stat]:
    """Everything below `pid`, nearest first; zombies included, since a zombie leader may have living threads."""
    queue, seen = children(pid), {pid}
    while queue:
        child = queue.pop(0)
        if child in seen:
            continue
        seen.add(child)
        stat = read_stat(child)
        if stat is not None:
            yield stat
            queue.extend(children(child))


def living(pid: int) -> list[Stat]:
    return [stat for stat in descendants(pid) if stat.live]


def members(pid: int) -> frozenset[int]:
    """Pids of what lives below `pid`."""
    return frozenset(stat.pid for stat in living(pid))


def activity(pid: int) -> int:
    """Changes while descendants of `pid` use CPU or come and go."""
    return sum(stat.ticks + stat.pid for stat in descendants(pid))


def boot_id() -> str:
    try:
        return BOOT_ID.read_text().strip()
    except FileNotFoundError:
        return ""


def identify(pid: int) -> Identity | None:
    stat = read_stat(pid)
    return None if stat is None else Identity(boot_id=boot_id(), pid=pid, start_time=stat.start_time)


def is_alive(identity: Identity) -> bool:
    """Boot, pid and start time must all match a process that lives."""
    if identity.boot_id != boot_id():
        return False
    stat = read_stat(identity.pid)
    return stat is not None and stat.start_time == identity.start_time and stat.live


def called(name: str) -> list[int]:
    """Live processes of ours whose argv[0] is `name`."""
    return [pid for entry in Path("/proc").iterdir() if (pid := _called(entry, name)) is not None]


def _called(entry: Path, name: str) -> int | None:
    if not entry.name.isdigit():
        return None
    try:
        mine = entry.stat().st_uid == os.geteuid()
        first = (entry / "cmdline").read_bytes().partition(b"\0")[0]
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None  # gone meanwhile, or another user's
    return int(entry.name) if mine and first == os.fsencode(name) else None
