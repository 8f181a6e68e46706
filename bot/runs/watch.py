"""Limits of a turn: wall time, and idleness judged by evidence rather than by silence."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bot.agents.base import Process

LOOKS = 10  # within one idle timeout
MOST_OFTEN = 5.0  # seconds between looks at the processes, at least


@dataclass(frozen=True, slots=True)
class TurnLimits:
    """Seconds, bytes and US dollars; 0 switches a limit off."""

    timeout: float = 3600.0
    idle_timeout: float = 900.0
    max_output: int = 1_000_000
    max_cost: float = 0.0


class Pulse:
    """When a turn last gave a sign of life: an event, or processes that used CPU, came or went."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.began = self.heard = self._loop.time()
        self.excess = ""  # a limit that was found exceeded elsewhere (cost), in words
        self.exceeded = asyncio.Event()
        self._activity: int | None = None
        self._excused = 0.0
        self._questions = 0

    def beat(self) -> None:
        self.heard = self._loop.time()

    def look(self, process: Process) -> None:
        activity = process.activity()
        if activity != self._activity:
            self._activity = activity
            self.beat()

    def excuse(self, seconds: float) -> None:
        """The silence of the next seconds was announced."""
        self._excused = max(self._excused, self._loop.time() + seconds)

    @contextmanager
    def asking(self) -> Iterator[None]:
        """While a person is being asked, nobody expects the agent to work."""
        self._questions += 1
        try:
            yield
        finally:
            self._questions -= 1
            self.beat()

    def silent_since(self) -> float:
        """Monotonic seconds from which idleness counts; in the future for an announced wait."""
        return float("inf") if self._questions else max(self.heard, self._excused)

    def exceed(self, why: str) -> None:
        self.excess = self.excess or why
        self.exceeded.set()


async def exceeded(pulse: Pulse, process: Process, limits: TurnLimits) -> str:
    """Wait until a limit is exceeded; in words."""
    loop = asyncio.get_running_loop()
    while not pulse.excess:
        pulse.look(process)
        now = loop.time()
        wall = pulse.began + limits.timeout if limits.timeout else float("inf")
        idle = pulse.silent_since() + limits.idle_timeout if limits.idle_timeout else float("inf")
        if now >= wall:
            return f"it ran for {brief(limits.timeout)}, its limit (`timeout`)"
        if now >= idle:
            return f"it gave no sign of life for {brief(limits.idle_timeout)} (`idle_timeout`)"
        step = min(MOST_OFTEN, limits.idle_timeout / LOOKS) if limits.idle_timeout else MOST_OFTEN
        await _pause(pulse, max(0.01, min(wall, idle, now + step) - now))
    return pulse.excess


async def _pause(pulse: Pulse, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await pulse.exceeded.wait()
    except TimeoutError:
        return


def brief(seconds: float) -> str:
    """Seconds as people say them: 0.3 s, 48 s, 15 min, 2 h."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
