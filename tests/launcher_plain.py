"""The plainest launcher: a subprocess in a process group. For tests of agents; contains nothing, proves nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from bot.agents.base import Identity, KillReport, LaunchFailed, Process, Spawn
from bot.agents.output import close_stdin


@dataclass
class PlainProcess:
    inner: asyncio.subprocess.Process
    stderr: bytearray
    tasks: tuple[asyncio.Task[None], ...] = ()

    @property
    def stdin(self) -> asyncio.StreamWriter:
        assert self.inner.stdin
        return self.inner.stdin

    @property
    def stdout(self) -> asyncio.StreamReader:
        assert self.inner.stdout
        return self.inner.stdout

    @property
    def stderr_tail(self) -> str:
        return self.stderr[-4096:].decode("utf-8", "replace")

    @property
    def identity(self) -> Identity:
        return Identity("", self.inner.pid, 0)

    @property
    def returncode(self) -> int | None:
        return self.inner.returncode

    async def wait(self) -> int:
        await self._exited()
        assert self.inner.returncode is not None
        await asyncio.wait(self.tasks, timeout=0.05)  # its last words may still be on their way
        return self.inner.returncode

    async def kill(self) -> KillReport:
        begun = time.monotonic()
        try:
            os.killpg(self.inner.pid, signal.SIGKILL)
        except ProcessLookupError:
            return await self._gone(0, begun)
        return await self._gone(1, begun)

    async def _gone(self, found: int, begun: float) -> KillReport:
        await self._exited()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        close_stdin(self)  # at once, whatever is still unwritten
        self.inner._transport.close()  # type: ignore[attr-defined]  # else a held pipe outlives the test's loop
        for _ in range(3):
            await asyncio.sleep(0)  # transports close their pipes in callbacks of the next rounds
        return KillReport(found, time.monotonic() - begun, False, method="process-group", note="a test's launcher")

    async def _exited(self) -> None:
        # asyncio's own wait() does not return while a daemon holds a pipe (cpython gh-119710).
        while self.inner.returncode is None:  # noqa: ASYNC110
            await asyncio.sleep(0.002)

    def activity(self) -> int:
        return 0

    def members(self) -> frozenset[int] | None:
        return None


class PlainLauncher:
    name = "process-group"
    hides_home = False

    def __init__(self, watch: Callable[[Spawn], None] = lambda _: None) -> None:
        self._watch = watch
        self.processes: list[PlainProcess] = []

    async def spawn(self, spawn: Spawn) -> Process:
        self._watch(spawn)
        try:
            inner = await asyncio.create_subprocess_exec(
                *spawn.argv,
                env=dict(spawn.env),
                cwd=spawn.cwd,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
                limit=spawn.stdout_limit,
            )
        except OSError as exc:
            raise LaunchFailed(agent="test", reason=str(exc)) from exc
        process = PlainProcess(inner, bytearray())
        process.tasks = (asyncio.create_task(_collect(inner, process.stderr), name="stderr"),)
        self.processes.append(process)
        if spawn.contained:
            await spawn.contained(process.identity)
        return process

    async def kill_leftover(self, identity: Identity) -> KillReport:
        return KillReport(0, 0.0, False)


async def _collect(inner: asyncio.subprocess.Process, tail: bytearray) -> None:
    assert inner.stderr
    while data := await inner.stderr.read(4096):
        tail += data
        del tail[:-4096]
