"""Containment by a per-run supervisor: for hosts without user namespaces. Nothing is hidden from the agent."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bot.agents.base import Identity, KillReport, LaunchFailed, Process, Spawn
from bot.agents.containment import child, pidfd, procfs, programs, subreaper
from bot.agents.containment.child import Child
from bot.agents.containment.contained import Contained
from bot.agents.containment.pipes import Pipes

METHOD = "supervisor"
PROGRAM = Path(__file__).with_name("supervisor.py")
PATIENCE = 5.0  # seconds; longer than the supervisor's own DEADLINE
LOST = "the supervisor of this run was killed from outside"
UNKNOWN = "whether anything of it still runs cannot be told"


class SupervisedLauncher:
    name = METHOD
    hides_home = False

    async def spawn(self, spawn: Spawn) -> Process:
        program = programs.find(spawn.argv, spawn.env, spawn.cwd)
        line = Line.open()
        try:
            supervisor = _start(line)
        except BaseException:
            line.close()
            raise
        try:
            return await _enter(supervisor, line, spawn, program)
        except BaseException:
            # No await: a second cancellation must not come between. The end of the control pipe is the order to kill.
            line.close()
            _finish(supervisor)
            raise

    async def kill_leftover(self, identity: Identity) -> KillReport:
        """A supervisor whose bot died has killed everything by itself; this one is slow or was stopped."""
        began = time.monotonic()
        with pidfd.opened(identity) as fd:
            if fd is None:
                return KillReport(found=0, seconds=0.0, verified=True, method=METHOD)
            found = len(procfs.living(identity.pid))
            gone = await _ask(fd) or (await asyncio.to_thread(subreaper.clear_below, identity.pid) and await _ask(fd))
        left = () if gone else tuple(stat.pid for stat in procfs.living(identity.pid))
        note = "" if gone else "the supervisor of an earlier run does not end"
        return KillReport(found, time.monotonic() - began, gone, left, METHOD, note)


async def _ask(fd: int) -> bool:
    """SIGTERM: kill your tree and end. It ends only when it has proof."""
    pidfd.send(fd, signal.SIGCONT)
    pidfd.send(fd, signal.SIGTERM)
    return await pidfd.readable(fd, PATIENCE)


class Reports(asyncio.Protocol):
    """What the supervisor says, by event; the last one of each kind counts."""

    def __init__(self) -> None:
        self.said: dict[str, dict[str, Any]] = {}
        self.lost = False
        self._rest = b""
        self._news = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            report = json.loads(line)
            self.said[report["event"]] = report
        self._tell()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()  # waiters keep the one that was set

    async def first_of(self, *events: str) -> dict[str, Any] | None:
        """The report of whichever is there; None when none will come any more."""
        while True:
            for event in events:
                if event in self.said:
                    return self.said[event]
            if self.lost:
                return None
            await self._news.wait()


@dataclass(slots=True)
class Line:
    """Both pipes to the supervisor. `theirs` are its ends, until they are handed over."""

    control: int
    report: int
    theirs: tuple[int, ...]
    transport: asyncio.ReadTransport | None = None

    @classmethod
    def open(cls) -> Line:
        control_out, control_in = os.pipe()
        report_out, report_in = os.pipe()
        return cls(control_in, report_out, (control_out, report_in))

    def handed_over(self) -> None:
        for fd in self.theirs:
            os.close(fd)
        self.theirs = ()

    async def listen(self) -> Reports:
        pipe, self.report = os.fdopen(self.report, "rb", 0), -1
        self.transport, reports = await asyncio.get_running_loop().connect_read_pipe(Reports, pipe)
        return reports

    def send(self, line: bytes) -> None:
        """EPIPE is no news: a lost supervisor is seen by the end of its reports."""
        with contextlib.suppress(BrokenPipeError):
            while line:
                line = line[os.write(self.control, line) :]

    def close(self) -> None:
        self.handed_over()
        for fd in (self.control, self.report):
            if fd >= 0:
                os.close(fd)
        self.control = self.report = -1
        if self.transport is not None:
            self.transport.close()


def _start(line: Line) -> Child:
    argv = [sys.executable, "-I", "-S", "-X", "utf8", str(PROGRAM), *map(str, line.theirs)]
    try:
        return child.start(argv, env={}, cwd=Path("/"), pass_fds=line.theirs)
    finally:
        line.handed_over()


def _finish(supervisor: Child) -> None:
    """Wait for its own end first: a supervisor killed at once would leave what it holds."""
    if not supervisor.reap_within(PATIENCE):
        subreaper.clear_below(supervisor.pid)
        supervisor.destroy()


async def _enter(supervisor: Child, line: Line, spawn: Spawn, program: str) -> Process:
    """From a started supervisor to a running program."""
    agent = Path(program).name
    pipes = await Pipes.connect(supervisor.popen, spawn.stdout_limit)
    try:
        reports = await line.listen()
        identity = procfs.identify(supervisor.pid)
        if await reports.first_of("ready") is None or identity is None:
            raise LaunchFailed(agent=agent, reason=f"the supervisor did not start: {pipes.tail.text.strip()}")
        if spawn.contained is not None:
            await spawn.contained(identity)
        line.send(_order(spawn, program))
        answer = await reports.first_of("started", "failed")
        if answer is None or answer["event"] == "failed":
            raise LaunchFailed(agent=agent, reason=LOST if answer is None else answer["error"])
    except BaseException:
        pipes.let_go()
        raise
    return SupervisedProcess(pipes, identity, supervisor, line, reports)


def _order(spawn: Spawn, program: str) -> bytes:
    order = {"argv": [program, *spawn.argv[1:]], "env": dict(spawn.env), "cwd": str(spawn.cwd)}
    return json.dumps(order).encode() + b"\n"


class SupervisedProcess(Contained):
    def __init__(self, pipes: Pipes, identity: Identity, supervisor: Child, line: Line, reports: Reports) -> None:
        super().__init__(pipes, identity)
        self._supervisor, self._line, self._reports = supervisor, line, reports

    @property
    def returncode(self) -> int | None:
        exited = self._reports.said.get("exited")
        if exited is not None:
            return int(exited["status"])
        # The program is bound to its supervisor's life by the kernel (PR_SET_PDEATHSIG).
        return -signal.SIGKILL if self._reports.lost else None

    async def wait(self) -> int:
        exited = await self._reports.first_of("exited")
        return -signal.SIGKILL if exited is None else int(exited["status"])

    def activity(self) -> int:
        return procfs.activity(self._identity.pid)

    def members(self) -> frozenset[int] | None:
        return procfs.members(self._identity.pid)

    async def _kill(self) -> KillReport:
        began = time.monotonic()
        killed = await self._order_kill()
        if killed is None and not self._reports.lost:
            await asyncio.to_thread(subreaper.clear_below, self._identity.pid)
            killed = await self._order_kill()
        if killed is None and self._reports.lost:
            return await self._after_loss(began)
        if killed is None:
            left = tuple(stat.pid for stat in procfs.living(self._identity.pid))
            note = "the supervisor of this run does not answer"
            return KillReport(len(left), time.monotonic() - began, False, left, METHOD, note)
        return await self._verdict(killed)

    async def _order_kill(self) -> dict[str, Any] | None:
        """None: no answer, or nobody there to answer. A proof that was given before is not asked for again."""
        if not self._reports.said.get("killed", {}).get("verified"):
            self._reports.said.pop("killed", None)
        self._line.send(b"kill\n")
        self._resume()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                return await self._reports.first_of("killed")
        return None

    def _resume(self) -> None:
        """The agent may have stopped its own supervisor. It is our unreaped child, so the pid means it."""
        if self._supervisor.returncode is None:
            os.kill(self._supervisor.pid, signal.SIGCONT)

    async def _verdict(self, killed: dict[str, Any]) -> KillReport:
        verified = bool(killed["verified"])
        if verified:
            await self._supervisor.exited()
            self._line.close()
        note = "" if verified else "some processes do not die, or belong to another user"
        survivors = tuple(map(int, killed["survivors"]))
        return KillReport(int(killed["found"]), float(killed["seconds"]), verified, survivors, METHOD, note)

    async def _after_loss(self, began: float) -> KillReport:
        """Its orphans are ours if we are a sub-reaper; otherwise nobody can tell where they are."""
        await self._supervisor.exited()
        self._line.close()
        report = await asyncio.to_thread(subreaper.sweep_adopted, METHOD)
        note = f"{LOST}; what it left came to the bot and was killed" if report.verified else f"{LOST}; {UNKNOWN}"
        return replace(report, seconds=time.monotonic() - began, note=note)
