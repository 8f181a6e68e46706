"""Containment where the system offers none (macOS): a process group and the descendants that `ps` still shows.

A process that left its session and its parent is missed, so nothing here is ever called proven.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bot.agents.base import Identity, KillReport, LaunchFailed, Process, Spawn
from bot.agents.containment import child, procfs, programs
from bot.agents.containment.child import Child
from bot.agents.containment.contained import Contained
from bot.agents.containment.pipes import Pipes

METHOD = "process-group"
NOTE = "this system cannot prove it: a process that detached itself may live on"
ROUNDS = 50
PAUSE = 0.02  # seconds between rounds
# Holds the program back until a byte comes; the end of the pipe instead means that the bot died.
# Python adds LC_CTYPE to its own environment in a C locale (PEP 538); the program shall get what it was given.
GATE = """import os, sys
fd, given, *argv = sys.argv[1:]
if given == "False": os.environ.pop("LC_CTYPE", None)
if os.read(int(fd), 1): os.close(int(fd)); os.execv(argv[0], argv)
"""


@dataclass(frozen=True, slots=True)
class Row:
    pid: int
    parent: int
    group: int
    live: bool


class GroupLauncher:
    name = METHOD
    hides_home = False

    async def spawn(self, spawn: Spawn) -> Process:
        program = programs.find(spawn.argv, spawn.env, spawn.cwd)
        gate_out, gate_in = os.pipe()
        try:
            leader = _start(spawn, program, gate_out)
            try:
                return await _enter(leader, spawn, gate_in)
            except BaseException:
                leader.destroy()  # the program has not run: there is nothing else
                raise
        finally:
            os.close(gate_in)

    async def kill_leftover(self, identity: Identity) -> KillReport:
        if not await asyncio.to_thread(_is_alive, identity):
            return KillReport(found=0, seconds=0.0, verified=True, method=METHOD)
        return await _kill_group(identity.pid)


def _start(spawn: Spawn, program: str, gate_out: int) -> Child:
    gate = [sys.executable, "-I", "-S", "-c", GATE, str(gate_out), str("LC_CTYPE" in spawn.env)]
    argv = [*gate, program, *spawn.argv[1:]]
    try:
        return child.start(argv, env=spawn.env, cwd=spawn.cwd, pass_fds=(gate_out,))
    finally:
        os.close(gate_out)


async def _enter(leader: Child, spawn: Spawn, gate_in: int) -> Process:
    pipes = await Pipes.connect(leader.popen, spawn.stdout_limit)
    try:
        identity = await asyncio.to_thread(_identify, leader.pid)
        if identity is None:
            raise LaunchFailed(agent=Path(spawn.argv[0]).name, reason="it ended at once")
        if spawn.contained is not None:
            await spawn.contained(identity)
        with contextlib.suppress(BrokenPipeError):
            os.write(gate_in, b"x")
    except BaseException:
        pipes.let_go()
        raise
    return GroupedProcess(pipes, identity, leader)


class GroupedProcess(Contained):
    def __init__(self, pipes: Pipes, identity: Identity, leader: Child) -> None:
        super().__init__(pipes, identity)
        self._leader = leader

    @property
    def returncode(self) -> int | None:
        return self._leader.returncode

    async def wait(self) -> int:
        return await self._leader.exited()

    def activity(self) -> int:
        rows = _rows(_ps("pid=,ppid=,pgid=,stat="))
        return sum(row.pid for row in _members(rows, self._leader.pid)) + _cpu(self._leader.pid)

    def members(self) -> frozenset[int] | None:
        return None  # re-sessioned ones cannot be found, and all of them outlive a bot that is killed

    def _is_final(self, report: KillReport) -> bool:
        return not report.survivors  # asking again proves no more, and the group's number may be another's by then

    async def _kill(self) -> KillReport:
        report = await _kill_group(self._leader.pid)
        if not report.survivors:
            await self._leader.exited()
        return report


async def _kill_group(leader: int) -> KillReport:
    """Kill what belongs to the leader, round by round, until `ps` shows nothing of it."""
    began = time.monotonic()
    members = await asyncio.to_thread(_living, leader)
    found, left = len(members), members
    for _ in range(ROUNDS):
        _strike(leader, left)
        left = await asyncio.to_thread(_living, leader, members)
        if not left:
            break
        members = [*members, *left]
        await asyncio.sleep(PAUSE)
    return KillReport(found, time.monotonic() - began, False, tuple(left), METHOD, NOTE)


def _strike(leader: int, pids: Iterable[int]) -> None:
    for target, kill in ((leader, os.killpg), *((pid, os.kill) for pid in pids)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(target, signal.SIGKILL)


def _living(leader: int, known: Iterable[int] = ()) -> list[int]:
    return [row.pid for row in _members(_rows(_ps("pid=,ppid=,pgid=,stat=")), leader, known) if row.live]


def _members(rows: list[Row], leader: int, known: Iterable[int] = ()) -> list[Row]:
    """The leader's group, what descends from it, and what was seen to do so before."""
    members = {leader, *known}
    grew = True
    while grew:
        found = {row.pid for row in rows if row.group == leader or row.parent in members} - members
        members |= found
        grew = bool(found)
    return [row for row in rows if row.pid in members]


def _rows(listing: str) -> list[Row]:
    fields = [line.split() for line in listing.splitlines()]
    return [Row(int(f[0]), int(f[1]), int(f[2]), not f[3].startswith("Z")) for f in fields if len(f) == 4]


def _cpu(leader: int) -> int:
    """CPU time of the leader's group as `ps` writes it ([dd-]hh:mm:ss or mm:ss.cc): any change will do."""
    lines = [line.split() for line in _ps("pgid=,time=").splitlines()]
    digits = ("".join(filter(str.isdigit, fields[1])) for fields in lines if fields[0] == str(leader))
    return sum(map(int, digits))


def _ps(columns: str, *more: str) -> str:
    select = more or ("-ax",)
    return subprocess.run(["ps", *select, "-o", columns], capture_output=True, text=True, check=False).stdout


def _identify(pid: int) -> Identity | None:
    if sys.platform == "linux":
        return procfs.identify(pid)
    started = _started(pid)
    return None if started is None else Identity(boot_id="", pid=pid, start_time=started)


def _is_alive(identity: Identity) -> bool:
    if sys.platform == "linux":
        return procfs.is_alive(identity)
    return identity.boot_id == "" and _started(identity.pid) == identity.start_time


def _started(pid: int) -> int | None:
    """Unix seconds, which need no boot id beside them."""
    env_free = _ps("lstart=", "-p", str(pid)).strip()
    try:
        return int(time.mktime(time.strptime(env_free, "%a %b %d %H:%M:%S %Y")))
    except ValueError:  # no such process
        return None
