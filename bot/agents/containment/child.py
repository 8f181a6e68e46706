"""A direct child of the bot: started in a session of its own, reaped here and nowhere else."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from bot.agents.base import LaunchFailed
from bot.agents.containment import pidfd

POLL = 0.02  # seconds; only where the system has no pidfd
# Children that launchers started, as opposed to orphans that the kernel gave us (see subreaper.py).
launched: set[int] = set()


class Child:
    """Popen with an end that can be awaited by several."""

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self.popen = popen
        self.pid = popen.pid
        self._pidfd = os.pidfd_open(popen.pid) if hasattr(os, "pidfd_open") else None
        launched.add(popen.pid)

    @property
    def returncode(self) -> int | None:
        return self.popen.poll()

    async def exited(self) -> int:
        """Wait for the end, reap, give the exit code (negative: the signal)."""
        while (code := self.popen.poll()) is None:
            await self._pause()
        self._forget()
        return code

    async def _pause(self) -> None:
        if self._pidfd is None:
            await asyncio.sleep(POLL)
        else:
            await pidfd.readable(self._pidfd)

    def destroy(self, patience: float = 2.0) -> None:
        """Kill and reap without awaiting, so that a cancellation cannot come in between."""
        self.popen.kill()
        self.reap_within(patience)

    def reap_within(self, seconds: float) -> bool:
        """Wait for its end without awaiting."""
        try:
            self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        self._forget()
        return True

    def _forget(self) -> None:
        launched.discard(self.pid)
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None


def start(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
    pass_fds: Sequence[int] = (),
    program: str | None = None,
) -> Child:
    """Start `argv` with pipes on stdin, stdout and stderr; `program` is the file where argv[0] is a name of ours.

    To be called in the main thread: a parent-death signal follows the *thread* that forked. Raises LaunchFailed.
    """
    try:
        popen = subprocess.Popen(
            argv,
            executable=program,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
            cwd=cwd,
            pass_fds=pass_fds,
            start_new_session=True,  # Ctrl-C at the bot's terminal is the bot's affair
        )
    except (OSError, ValueError) as exc:
        raise LaunchFailed(agent=Path(argv[0]).name, reason=str(exc)) from exc
    return Child(popen)
