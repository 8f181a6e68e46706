"""Containment by bubblewrap: a PID namespace whose death the kernel guarantees, and a view without home and data.

Options go through `--args`, a memory file: neither the environment nor the hidden paths appear in any argv, and
nothing of it in the environment of bubblewrap itself. facts/agents.md, section 8.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from bot.agents.base import Identity, KillReport, LaunchFailed, Process, Spawn
from bot.agents.containment import child, copies, mounts, pidfd, procfs, programs, view
from bot.agents.containment.child import Child
from bot.agents.containment.contained import Contained
from bot.agents.containment.pipes import Pipes

METHOD = "bubblewrap"
PATIENCE = 5.0  # seconds; the kernel needs about 0.003
BASE = (
    *("--unshare-user-try", "--unshare-pid", "--unshare-ipc", "--unshare-uts"),
    *("--die-with-parent", "--new-session", "--cap-drop", "ALL"),
    *("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"),
)


class BubblewrapLauncher:
    """`hidden`: the bot's data directory and files with its secrets, seen as empty whatever else is shown."""

    name = METHOD
    hides_home = True

    def __init__(self, hidden: tuple[Path, ...], mark: str = METHOD) -> None:
        """`mark` is argv[0] of every sandbox's own processes: how a later start finds those of a bot that died."""
        self._hidden = hidden
        self.mark = mark

    async def spawn(self, spawn: Spawn) -> Process:
        program = programs.find(spawn.argv, spawn.env, spawn.cwd)
        if not spawn.cwd.is_dir():
            raise LaunchFailed(agent=Path(program).name, reason=f"the directory {spawn.cwd} does not exist")
        with _Gate() as gate:
            outer = self._start(spawn, program, gate)
            try:
                return await _enter(outer, spawn, gate)
            except BaseException:
                # No await: a second cancellation must not come between. And before the gate's end is closed,
                # since bubblewrap takes that for leave to go on.
                _destroy(outer)
                raise

    def _start(self, spawn: Spawn, program: str, gate: _Gate) -> Child:
        with copies.copies(spawn) as logins:
            return self._exec(spawn, program, gate, logins)

    def _exec(self, spawn: Spawn, program: str, gate: _Gate, logins: Sequence[copies.Copy]) -> Child:
        seen = view.of_system(self._hidden, spawn)
        words = [*BASE, *view.proc_protection(), *mounts.arguments(seen), *copies.arguments(logins)]
        words += ["--chdir", str(spawn.cwd.resolve()), "--info-fd", str(gate.info_in), "--block-fd", str(gate.wait_out)]
        options = _memory_file([*words, *_environment(spawn.env)])
        try:
            argv = [self.mark, "--args", str(options), "--", program, *spawn.argv[1:]]
            fds = (options, gate.info_in, gate.wait_out, *(login.fd for login in logins))
            return child.start(argv, env={}, cwd=Path("/"), pass_fds=fds, program=_bwrap())
        finally:
            os.close(options)
            gate.handed_over()

    def clear_unborn(self) -> int:
        """Kill what bears our mark; how many there were. For the start, while nothing of this bot's runs.

        When a bot dies in the instant in which bubblewrap has forked the namespace's init and not yet bound it to
        itself, that init waits for ever: nothing has run in it, and nobody recorded it (seen in the torture).
        """
        unborn = procfs.called(self.mark)
        for pid in unborn:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(unborn)

    async def kill_leftover(self, identity: Identity) -> KillReport:
        with pidfd.opened(identity) as fd:
            return await _kill_init(identity, fd)


def _bwrap() -> str:
    found = shutil.which("bwrap")
    if found is None:
        raise LaunchFailed(agent="sandbox", reason="bubblewrap is not installed (try: apt install bubblewrap)")
    return found


def _environment(env: Mapping[str, str]) -> list[str]:
    return ["--clearenv", *(word for name, value in env.items() for word in ("--setenv", name, value))]


def _memory_file(words: Sequence[str]) -> int:
    """A readable descriptor with the words, each ended by NUL. Raises LaunchFailed for a word that holds one."""
    if any("\0" in word for word in words):
        raise LaunchFailed(agent="sandbox", reason="a variable or path holds a NUL character")
    fd = os.memfd_create("tugbot-sandbox")
    with open(fd, "wb", closefd=False) as file:
        file.write(b"".join(os.fsencode(word) + b"\0" for word in words))
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


class _Gate:
    """Two pipes to bubblewrap: one tells who the namespace's init is, the other holds the program back."""

    def __enter__(self) -> _Gate:
        self.info_out, self.info_in = os.pipe()
        self.wait_out, self._wait_in = os.pipe()
        self._open = {self.info_out, self.info_in, self.wait_out, self._wait_in}
        return self

    def __exit__(self, *_: object) -> None:
        self._close(*self._open)

    def handed_over(self) -> None:
        self._close(self.info_in, self.wait_out)

    def _close(self, *fds: int) -> None:
        for fd in fds:
            self._open.remove(fd)
            os.close(fd)

    async def init(self) -> int | None:
        """Pid of the namespace's init, as we see it; None: bubblewrap gave up before."""
        told = b""
        while b"}" not in told:
            await pidfd.readable(self.info_out)
            piece = os.read(self.info_out, 4096)
            if not piece:
                return None
            told += piece
        return int(json.loads(told)["child-pid"])

    def open(self) -> None:
        """EPIPE tells nothing new: a dead sandbox is seen by whoever waits for it."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self._wait_in, b"x")


async def _enter(outer: Child, spawn: Spawn, gate: _Gate) -> Process:
    """From a started bubblewrap to a running program. Nothing is awaited after the gate opened."""
    pipes = await Pipes.connect(outer.popen, spawn.stdout_limit)
    try:
        pid = await gate.init()
        identity = None if pid is None else procfs.identify(pid)
        if identity is None:
            await outer.exited()
            await asyncio.sleep(0)
            raise LaunchFailed(agent=METHOD, reason=pipes.tail.text.strip() or "it ended at once")
        process = SandboxedProcess(pipes, identity, outer)
        try:
            if spawn.contained is not None:
                await spawn.contained(identity)
        except BaseException:
            process.forget()
            raise
        gate.open()
    except BaseException:
        pipes.let_go()
        raise
    return process


def _destroy(outer: Child) -> None:
    """End a sandbox whose program has not run. Its init is killed by name: early on it is not bound to bubblewrap."""
    if outer.returncode is None:
        os.kill(outer.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, outer.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)  # from here on it makes no children
        for pid in procfs.children(outer.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    outer.destroy()


class SandboxedProcess(Contained):
    def __init__(self, pipes: Pipes, identity: Identity, outer: Child) -> None:
        super().__init__(pipes, identity)
        self._outer = outer
        # Opened while bubblewrap holds the init unreaped, so it means the right process for ever.
        self._init: int | None = os.pidfd_open(identity.pid)

    @property
    def returncode(self) -> int | None:
        code = self._outer.returncode
        # bubblewrap reports a killed program as 128 + signal; only our own kill is known to be one.
        return -signal.SIGKILL if code == 128 + signal.SIGKILL and self._report is not None else code

    async def wait(self) -> int:
        await self._outer.exited()
        code = self.returncode
        assert code is not None
        return code

    def activity(self) -> int:
        return procfs.activity(self._identity.pid)

    def members(self) -> frozenset[int] | None:
        return procfs.members(self._identity.pid)

    async def _kill(self) -> KillReport:
        report = await _kill_init(self._identity, self._init)
        if report.verified:
            await self._outer.exited()
            self.forget()
        return report

    def forget(self) -> None:
        if self._init is not None:
            os.close(self._init)
            self._init = None


async def _kill_init(identity: Identity, fd: int | None) -> KillReport:
    """SIGKILL for a namespace's init takes everything in it along; its end is announced when all of it is gone
    (pid_namespaces(7)), so a readable pidfd is the proof. No pidfd: it was gone before."""
    began = time.monotonic()
    if fd is None:
        return KillReport(found=0, seconds=0.0, verified=True, method=METHOD)
    found = len(procfs.living(identity.pid))
    pidfd.send(fd, signal.SIGKILL)
    dead = await pidfd.readable(fd, PATIENCE)
    _reap(identity.pid)
    return KillReport(
        found=found,
        seconds=time.monotonic() - began,
        verified=dead,
        survivors=() if dead else tuple(stat.pid for stat in procfs.living(identity.pid)),
        method=METHOD,
        note="" if dead else "the kernel has not ended the sandbox yet; a process may hang in the kernel",
    )


def _reap(pid: int) -> None:
    """An init that lost its bubblewrap is inherited by us where we are a sub-reaper, and would stay a zombie."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
