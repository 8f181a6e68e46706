"""The bot as the reaper of last resort: what a killed supervisor leaves comes to us, not to the system's init."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time

from bot.agents.base import KillReport
from bot.agents.containment import child, procfs

PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER, PR_GET_CHILD_SUBREAPER = 4, 36, 37  # linux/prctl.h
CLEAN_PASSES = 3
DEADLINE = 4.0  # seconds


def become_subreaper() -> bool:
    """Inherit the orphans below this process, and let nothing of this user (but root) read its memory and
    environment. Once, at start; False where the system has no such thing."""
    if sys.platform != "linux":
        return False
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    _prctl(PR_SET_DUMPABLE, 0)
    return True


def is_subreaper() -> bool:
    flag = ctypes.c_int()
    _prctl(PR_GET_CHILD_SUBREAPER, ctypes.addressof(flag))
    return flag.value == 1


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def sweep_adopted(method: str) -> KillReport:
    """Kill and reap the children that we never started. Blocks for `DEADLINE` at most: call it in a thread.

    A pass is clean when not even a dead one was listed: orphans join the end of the list, so a list read to its
    end without a stranger had none.
    """
    began, clean = time.monotonic(), 0
    found = len(_members(adopted()))
    while clean < CLEAN_PASSES and time.monotonic() - began < DEADLINE:
        roots = adopted()
        strike(_members(roots))
        for pid in roots:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        clean = 0 if roots else clean + 1
    left = _members(adopted())
    proven = clean >= CLEAN_PASSES and is_subreaper()
    return KillReport(found, time.monotonic() - began, proven, tuple(left), method)


def adopted() -> list[int]:
    """Our children, dead ones too, that we did not start. What other parts of the bot start shares its session,
    what a launcher starts is listed; an orphan of a run is in neither, since runs begin with a session of their own."""
    ours = os.getsid(0)
    found = []
    for pid in procfs.children(os.getpid()):
        stat = procfs.read_stat(pid)
        if pid not in child.launched and stat is not None and stat.session != ours:
            found.append(pid)
    return found


def _members(roots: list[int]) -> list[int]:
    alive = [root for root in roots if (stat := procfs.read_stat(root)) is not None and stat.live]
    return [*alive, *(stat.pid for root in roots for stat in procfs.living(root))]


def clear_below(pid: int) -> bool:
    """Kill everything below `pid`, a sub-reaper that does not answer. Blocks like `sweep_adopted`. True: it looks
    empty, which is a snapshot and no proof."""
    began, clean = time.monotonic(), 0
    while clean < CLEAN_PASSES and time.monotonic() - began < DEADLINE:
        members = [stat.pid for stat in procfs.living(pid)]
        strike(members)
        clean = 0 if members else clean + 1
    return clean >= CLEAN_PASSES


def strike(members: list[int]) -> None:
    """Stop the group first, which no fork can outrun, then kill it; the pid itself in case it left its group."""
    own = os.getpgrp()
    for pid in members:
        for sig in (signal.SIGSTOP, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                group = os.getpgid(pid)
                if group not in (own, 0, 1):
                    os.killpg(group, sig)
                os.kill(pid, sig)
