"""Limits of a turn: wall time, and idleness judged by evidence rather than by silence."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from bot.agents.base import Process

LOOKS = 10  # within one idle timeout
MOST_OFTEN = 5.0  # seconds between looks at the processes, at least


@dataclass(frozen=True, slots=True)
class TurnLimits:
    """Seconds and bytes; 0 switches a limit off."""

    timeout: float = 3600.0
    idle_timeout: float = 900.0
    max_output: int = 1_000_000


class Pulse:
    """When a turn last gave a sign of life: an event, or processes that used CPU, came or went."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.began = self.heard = self._loop.time()
        self._activity: int | None = None

    def beat(self) -> None:
        self.heard = self._loop.time()

    def look(self, process: Process) -> None:
        activity = process.activity()
        if activity != self._activity:
            self._activity = activity
            self.beat()


async def exceeded(pulse: Pulse, process: Process, limits: TurnLimits) -> str:
    """Wait until a limit is exceeded; in words."""
    loop = asyncio.get_running_loop()
    while True:
        pulse.look(process)
        now = loop.time()
        wall = pulse.began + limits.timeout if limits.timeout else float("inf")
        idle = pulse.heard + limits.idle_timeout if limits.idle_timeout else float("inf")
        if now >= wall:
            return f"it ran for {brief(limits.timeout)}, its limit (`timeout`)"
        if now >= idle:
            return f"it gave no sign of life for {brief(limits.idle_timeout)} (`idle_timeout`)"
        step = min(MOST_OFTEN, limits.idle_timeout / LOOKS) if limits.idle_timeout else MOST_OFTEN
        await asyncio.sleep(max(0.01, min(wall, idle, now + step) - now))


def brief(seconds: float) -> str:
    """Seconds as people say them: 0.3 s, 48 s, 15 min, 2 h."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
