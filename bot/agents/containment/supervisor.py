"""The per-run supervisor: a program of its own that holds every process of one run and ends them.

Run as `python -I -S supervisor.py <control fd> <report fd>` with stdin, stdout and stderr of the program to be.
Standard library only, imports nothing of Tugbot. Linux only.

Control pipe, lines from the bot: first `{"argv", "env", "cwd"}` (nothing runs before it came, and the environment
is in no argv), then `kill`. Its end means that the bot died: kill and exit. SIGTERM means the same.
Report pipe, JSON lines to the bot: ready, started {pid}, failed {error}, exited {status}, killed {found, seconds,
verified, survivors}. After a verified kill the supervisor exits; until then it holds what the program left behind.

Being the sub-reaper, it inherits every orphan below it; so "no child is left", which the kernel answers atomically
(ECHILD), means that nothing of the run is left.
"""

from __future__ import annotations

import ctypes
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from typing import Any

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 1, 4, 36  # linux/prctl.h
WALL = 0x40000000  # linux/wait.h __WALL: children made by clone() without SIGCHLD too
CLEAN_PASSES = 3
DEADLINE = 4.0  # seconds of one attempt
RETRY = 1.0  # seconds between attempts when nobody is left to ask for one

_libc = ctypes.CDLL(None, use_errno=True)


def prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


class Supervisor:
    def __init__(self, control: int, report: int) -> None:
        self.control, self.report = control, report
        self.main: int | None = None
        self.told = b""
        self.lost = False  # the bot is gone

    # ------------------------------------------------------------ talking

    def say(self, event: str, **fields: Any) -> None:
        try:
            os.write(self.report, json.dumps({"event": event, **fields}).encode() + b"\n")
        except (BrokenPipeError, BlockingIOError):
            self.lost = True

    def hear(self) -> list[bytes]:
        """Whole lines that have come; the end of the pipe sets `lost`."""
        piece = os.read(self.control, 1 << 16)
        if not piece:
            self.lost = True
        *lines, self.told = (self.told + piece).split(b"\n")
        return lines

    # ------------------------------------------------------------ life

    def serve(self) -> None:
        wake, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        for sig in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(sig, lambda *_: None)  # not SIG_IGN: that the program would inherit
        with selectors.DefaultSelector() as selector:
            selector.register(self.control, selectors.EVENT_READ)
            selector.register(wake, selectors.EVENT_READ)
            self.say("ready")
            while not self.turn({key.fd for key, _ in selector.select()}, wake):
                pass

    def turn(self, ready: set[int], wake: int) -> bool:
        """True: everything is over."""
        lines = self.hear() if self.control in ready else []
        signals = os.read(wake, 4096) if wake in ready else b""
        for line in lines:
            if line == b"kill":
                if self.kill():
                    return True
            elif self.main is None:
                self.start(json.loads(line))
        if self.lost or signal.SIGTERM in signals:
            return self.kill_for_good()
        self.reap()
        return False

    def start(self, program: dict[str, Any]) -> None:
        try:
            popen = subprocess.Popen(
                program["argv"],
                env=program["env"],
                cwd=program["cwd"],
                start_new_session=True,
                preexec_fn=lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL),
            )
        except (OSError, ValueError, subprocess.SubprocessError) as exc:
            self.say("failed", error=str(exc))
            return
        popen.returncode = 0  # reaped by us, not by Popen
        self.main = popen.pid
        nothing = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):  # the program's pipes must end when the program closes them
            os.dup2(nothing, fd)
        self.say("started", pid=popen.pid)

    def reap(self) -> bool:
        """Collect the dead; True when there is no child at all, alive or dead."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG | WALL)
            except ChildProcessError:
                return True
            if pid == 0:
                return False
            if pid == self.main:
                self.say("exited", status=os.waitstatus_to_exitcode(status))

    # ------------------------------------------------------------ killing

    def kill(self) -> bool:
        """Kill all descendants; report; True when it is proven."""
        began = time.monotonic()
        found, clean = len(descendants()), 0
        while clean < CLEAN_PASSES and time.monotonic() - began < DEADLINE:
            members = descendants()
            strike(members)
            clean = clean + 1 if self.reap() and not members else 0
        seconds = time.monotonic() - began
        verified = clean >= CLEAN_PASSES
        self.say("killed", found=found, seconds=seconds, verified=verified, survivors=[] if verified else descendants())
        return verified

    def kill_for_good(self) -> bool:
        while not self.kill():
            time.sleep(RETRY)
        return True


def strike(members: list[int]) -> None:
    """Stop the group first, which no fork can outrun, then kill it; the pid itself in case it left its group."""
    own = os.getpgrp()
    for pid in members:
        for sig in (signal.SIGSTOP, signal.SIGKILL):
            try:
                group = os.getpgid(pid)
                if group not in (own, 0, 1):
                    os.killpg(group, sig)
                os.kill(pid, sig)
            except (ProcessLookupError, PermissionError):
                continue  # gone already, or another user's (set-uid): the verdict tells


def descendants() -> list[int]:
    """Pids of live processes below this one."""
    found: list[int] = []
    queue = children(os.getpid())
    while queue:
        pid = queue.pop()
        if pid not in found and not is_zombie(pid):
            found.append(pid)
            queue += children(pid)
    return found


def children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as file:
                found += [int(word) for word in file.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        return found
    return found


def is_zombie(pid: int) -> bool:
    """Dead, with no thread that lives on."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rsplit(b") ", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return fields[0] in b"ZXx" and int(fields[17]) <= 1


def main() -> None:
    control, report = int(sys.argv[1]), int(sys.argv[2])
    for fd in (control, report):
        os.set_inheritable(fd, False)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    prctl(PR_SET_DUMPABLE, 0)  # nothing of this user may read what passes through here; root may
    Supervisor(control, report).serve()


if __name__ == "__main__":
    main()
