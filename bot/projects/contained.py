"""A program in a container of its own, whose end the kernel guarantees: its init's death ends its PID namespace."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from bot.agents.base import LINE_LIMIT, Identity, KillReport
from bot.agents.containment import pidfd, procfs
from bot.agents.containment.contained import Contained
from bot.projects.attached import Attached, told
from bot.projects.engine import Engine
from bot.projects.errors import EngineRefused, EngineUnreachable
from bot.projects.hardening import Container
from bot.projects.thorough import finished

log = logging.getLogger(__name__)

METHOD = "container"
PATIENCE = 10.0  # seconds for a killed container to be gone
STEP = 0.05
UNKNOWN = -1  # exit code where the engine cannot be asked any more


class ContainedProcess(Contained):
    """bot.agents.base.Process"""

    def __init__(
        self, engine: Engine, container: str, attached: Attached, identity: Identity, init: int | None
    ) -> None:
        """`init`: a pidfd of the container's init; None: it was over before it could be opened."""
        super().__init__(attached, identity)
        self._attached = attached
        self._engine = engine
        self._container = container
        self._init = init
        self._code: int | None = None
        self._removed = False

    @property
    def returncode(self) -> int | None:
        return self._code

    async def wait(self) -> int:
        if self._code is None and self._init is not None:
            await pidfd.readable(self._init)
        if self._code is None:
            self._code = await self._exit_code()
        return self._code

    def activity(self) -> int:
        return procfs.activity(self._identity.pid) if self._identity.pid else 0

    def members(self) -> frozenset[int] | None:
        """A container outlives a bot that is killed, but its program loses its input then, and the next start
        removes it by its label; so it may rest."""
        return procfs.members(self._identity.pid) if self._identity.pid else None

    async def _exit_code(self) -> int:
        """The engine records it a moment after the kernel has let go of the process."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                seen = await self._engine.see(self._container)
            except (EngineUnreachable, EngineRefused) as exc:
                log.warning("the exit code of %s is not known: %s", self._container, exc)
                break
            if seen is None:
                break
            if not seen.running:
                # 128 + signal, as the engine tells it; only our own kill is known to be one
                killed = seen.exit_code == 128 + signal.SIGKILL and self._report is not None
                return -signal.SIGKILL if killed else seen.exit_code
            await asyncio.sleep(STEP)
        return UNKNOWN

    async def _kill(self) -> KillReport:
        report = await end(self._engine, self._container, self._identity, self._init)
        if report.verified:
            if self._code is None:
                self._code = -signal.SIGKILL if report.found else await self._exit_code()
            await self._remove()
            self.forget()
        return report

    async def _remove(self) -> None:
        """Nothing runs in it any more; what is left is an entry of the engine's, which a later sweep can remove too."""
        try:
            await self._engine.remove(self._container)
        except (EngineUnreachable, EngineRefused) as exc:
            log.warning("the dead container %s could not be removed yet: %s", self._container, exc)

    def let_go(self) -> None:
        """It goes on by itself: nobody speaks with it or waits for it any more."""
        self._attached.let_go()
        self.forget()

    def forget(self) -> None:
        if self._init is not None:
            os.close(self._init)
            self._init = None


async def launch(
    engine: Engine,
    container: Container,
    argv: tuple[str, ...],
    env: Mapping[str, str],
    *,
    cwd: str,
    files: Mapping[str, bytes] | None = None,
    contained: Callable[[Identity], Awaitable[None]] | None = None,
    limit: int = LINE_LIMIT,
) -> ContainedProcess:
    """Start `argv` in a new container that `enter` is the entrypoint of. Cancelling it leaves nothing behind.

    Secrets go in `env`, which comes on top of the image's own, and in `files` (path inside, content; mode 0600): they
    travel on standard input alone. `contained` is awaited when the container exists and before anything runs in it.

    Raises EngineUnreachable, EngineRefused.
    """
    attached: Attached | None = None
    try:
        made = await engine.create(container)
        # Before it starts: later, its first output would be lost.
        attached = await Attached.connect(await engine.attach(made), limit)
        identity = Identity(procfs.boot_id(), 0, 0, METHOD, container.name)
        if contained is not None:
            await contained(identity)
        await engine.start(made)
        process = await _started(engine, made, attached, identity)
    except BaseException:
        if attached is not None:
            attached.let_go()
        # By its name: a creation that is cancelled is made all the same, and nobody was told its id.
        with contextlib.suppress(asyncio.CancelledError):
            await finished(_discard(engine, container.name))
        raise
    given = [(path, 0o600, base64.b64encode(content).decode()) for path, content in (files or {}).items()]
    process.stdin.write(told(argv, env, cwd, given))
    return process


async def _started(engine: Engine, container: str, attached: Attached, identity: Identity) -> ContainedProcess:
    seen = await engine.see(container)
    fd = None
    if seen is not None and seen.pid:
        try:
            fd = os.pidfd_open(seen.pid)
        except ProcessLookupError:
            fd = None
        again = await engine.see(container) if fd is not None else None
        if fd is not None and (again is None or again.pid != seen.pid):  # the number had another owner already
            os.close(fd)
            fd = None
        known = procfs.identify(seen.pid) if fd is not None else None
        identity = replace(identity, pid=known.pid, start_time=known.start_time) if known is not None else identity
    return ContainedProcess(engine, container, attached, identity, fd)


async def _discard(engine: Engine, container: str) -> None:
    try:
        await engine.remove(container)
    except (EngineUnreachable, EngineRefused) as exc:
        log.warning("the container %s could not be removed yet: %s", container, exc)


async def end(engine: Engine, container: str, identity: Identity, fd: int | None = None) -> KillReport:
    """Kill a container's init and prove that it is gone; the object stays. `fd`: its pidfd, None for a leftover."""
    began = time.monotonic()
    found = len(procfs.living(identity.pid)) if fd is not None else 0
    note = ""
    try:
        if fd is None:
            found = len(await engine.processes(container))
            found -= 1 if found else 0  # its init is the containment's own
        await engine.kill(container)
        gone = await _gone(engine, container)
    except (EngineUnreachable, EngineRefused) as exc:
        gone, note = await _killed_without_engine(fd), str(exc)
    if fd is not None and gone:
        gone = await pidfd.readable(fd, PATIENCE)
    return KillReport(
        found=found,
        seconds=time.monotonic() - began,
        verified=gone,
        survivors=() if gone else tuple(stat.pid for stat in procfs.living(identity.pid)) if identity.pid else (),
        method=METHOD,
        note="" if gone else note or "the engine still shows the container as running",
    )


async def _gone(engine: Engine, container: str) -> bool:
    deadline = time.monotonic() + PATIENCE
    while True:
        seen = await engine.see(container)
        if seen is None or not seen.running:
            return True
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(STEP)


async def _killed_without_engine(fd: int | None) -> bool:
    """The kernel ends a PID namespace with its init, whoever sends the signal; only root may, from outside."""
    if fd is None:
        return False
    try:
        signal.pidfd_send_signal(fd, signal.SIGKILL)
    except (PermissionError, ProcessLookupError):
        return await pidfd.readable(fd, 0.0)
    return await pidfd.readable(fd, PATIENCE)
