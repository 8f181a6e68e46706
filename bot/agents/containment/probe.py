"""Which containment works on this host: tried, not guessed."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bot.agents.base import KillReport, Launcher, LaunchFailed, Process, ProgramMissing, Spawn
from bot.agents.containment.bubblewrap import METHOD, BubblewrapLauncher
from bot.agents.containment.group import GroupLauncher
from bot.agents.containment.supervised import SupervisedLauncher

PATIENCE = 10.0  # seconds for one try
HIDDEN = "hidden"
# Shows the file that must not be seen, then leaves a daemon that outlives it and ignores everything.
SCRIPT = """cat "$1" 2>/dev/null
(trap '' TERM HUP INT; exec setsid sleep 30) </dev/null >/dev/null 2>&1 &
echo started; exec sleep 30"""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    name: str
    works: bool  # everything of a run dies, proven; and what must be hidden is hidden
    detail: str
    install_hint: str = ""  # what to do about it, "" where nothing can or need be done


async def choose(hidden: tuple[Path, ...], mark: str = METHOD) -> Launcher:
    """The strongest containment that works here."""
    if sys.platform != "linux":
        return GroupLauncher()
    sandbox = BubblewrapLauncher(hidden, mark)
    return sandbox if (await probe(sandbox)).works else SupervisedLauncher()


async def probe(launcher: Launcher) -> ProbeResult:
    """Start a program with a daemon, kill, verify. Takes some hundredths of a second. Raises nothing that a
    broken containment could cause."""
    with tempfile.TemporaryDirectory(prefix="tugbot-probe-") as place:
        try:
            async with asyncio.timeout(PATIENCE):
                seen, report = await _attempt(_for_trial(launcher, Path(place)), Path(place))
        except (LaunchFailed, ProgramMissing) as exc:
            return _failed(launcher, str(exc))
        except TimeoutError:
            return _failed(launcher, f"no answer within {PATIENCE:.0f} s")
    return _judge(launcher, seen, report)


def _for_trial(launcher: Launcher, place: Path) -> Launcher:
    """The same kind, told to hide a file of the trial's own."""
    return (
        BubblewrapLauncher((place / HIDDEN,), launcher.mark) if isinstance(launcher, BubblewrapLauncher) else launcher
    )


async def _attempt(launcher: Launcher, place: Path) -> tuple[bytes, KillReport]:
    cwd, secret = place / "cwd", place / HIDDEN / "secret"
    for directory in (cwd, secret.parent):
        directory.mkdir()
    secret.write_text("SECRET\n")
    env = {"PATH": os.environ.get("PATH", os.defpath)}
    process = await launcher.spawn(Spawn(("sh", "-c", SCRIPT, "sh", str(secret)), env, cwd))
    try:
        seen = await _until_started(process)
    finally:
        report = await process.kill()
    return seen, report


async def _until_started(process: Process) -> bytes:
    seen = b""
    while line := await process.stdout.readline():
        seen += line
        if line == b"started\n":
            return seen
    raise LaunchFailed(agent="probe", reason=process.stderr_tail.strip() or "the program did not run")


def _judge(launcher: Launcher, seen: bytes, report: KillReport) -> ProbeResult:
    if not report.verified:
        return _failed(launcher, report.note or "processes were left")
    if launcher.hides_home and b"SECRET" in seen:
        return _failed(launcher, "a hidden file could be read")
    view = "home and data are hidden" if launcher.hides_home else "files of this user are visible to the agent"
    detail = f"{report.found} processes verified gone in {report.seconds * 1000:.0f} ms; {view}"
    return ProbeResult(launcher.name, True, detail)


def _failed(launcher: Launcher, detail: str) -> ProbeResult:
    return ProbeResult(launcher.name, False, detail, _hint(launcher))


def _hint(launcher: Launcher) -> str:
    if sys.platform != "linux" or not isinstance(launcher, BubblewrapLauncher):
        return ""
    if shutil.which("bwrap") is None:
        return "apt install bubblewrap (dnf, pacman, apk: the same name)"
    return (
        "user namespaces are not allowed here: on the host itself allow them (Ubuntu: an AppArmor profile for bwrap, "
        "or sysctl kernel.apparmor_restrict_unprivileged_userns=0), in a container its seccomp profile decides"
    )
