"""Programs that do not want to die. Each writes a heartbeat and ends by itself after LIFE seconds, so that a failing
test leaves nothing behind. Run as `python victims.py <kind> <heartbeat file>`; standard library only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

LIFE = 20.0  # seconds
BEAT = 0.01
END = time.monotonic() + LIFE


def beat(path: str) -> None:
    with open(path, "a") as file:
        file.write(".")


def stay(path: str) -> None:
    while time.monotonic() < END:
        beat(path)
        time.sleep(BEAT)
    os._exit(0)


def deaf() -> None:
    for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(sig, signal.SIG_IGN)


def wait_here() -> None:
    """The leader's part: obedient, and there until it is killed."""
    print("up", flush=True)
    time.sleep(LIFE)


def fork() -> bool:
    """True in the child."""
    return os.fork() == 0


def plain(path: str) -> None:
    if fork():
        stay(path)
    wait_here()


def stubborn(path: str) -> None:
    if fork():
        deaf()
        stay(path)
    wait_here()


def setsid(path: str) -> None:
    if fork():
        os.setsid()
        deaf()
        stay(path)
    wait_here()


def daemon(path: str) -> None:
    """Double fork, a session of its own, and an environment that no marker survives."""
    if fork():
        os.setsid()
        if fork():
            subprocess.Popen([sys.executable, "-I", "-S", __file__, "beating", path], env={}, start_new_session=True)
        os._exit(0)
    wait_here()


def beating(path: str) -> None:
    deaf()
    stay(path)


def hop(path: str, *, sessions: bool) -> None:
    """A process that is always another one: fork, the parent dies, again."""
    while time.monotonic() < END:
        beat(path)
        time.sleep(0.003)
        if not fork():
            os._exit(0)
        if sessions:
            os.setsid()
    os._exit(0)


def hopper(path: str) -> None:
    if fork():
        os.setsid()
        deaf()
        hop(path, sessions=False)
    wait_here()


def rehopper(path: str) -> None:
    if fork():
        deaf()
        hop(path, sessions=True)
    wait_here()


def leader(path: str) -> None:
    deaf()
    print("up", flush=True)
    stay(path)


def orphan(path: str) -> None:
    """The leader ends at once and leaves a daemon that holds its output."""
    if fork():
        os.setsid()
        deaf()
        stay(path)
    print("up", flush=True)
    sys.exit(7)


KINDS = {f.__name__: f for f in (plain, stubborn, setsid, daemon, hopper, rehopper, leader, orphan, beating)}
MATRIX = ("plain", "stubborn", "setsid", "daemon", "hopper", "rehopper", "leader")

if __name__ == "__main__":
    KINDS[sys.argv[1]](sys.argv[2])
