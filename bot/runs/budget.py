"""What the agents may cost in one day, all together."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta


class Budget:
    """US dollars spent since midnight, local time, as the agents report them. 0 per day: no limit."""

    def __init__(self, per_day: float, now: Callable[[], float] = time.time) -> None:
        self.per_day = per_day
        self._now = now
        self._day = midnight(now())
        self.spent = 0.0

    async def load(self, spent: Callable[[float], Awaitable[float]]) -> None:
        """Take over what runs of earlier processes cost today: `spent(since)` tells it."""
        self.spent += await spent(self._day)

    def add(self, cost: float) -> None:
        self._turn_page()
        self.spent += cost

    def is_spent(self) -> bool:
        self._turn_page()
        return bool(self.per_day) and self.spent >= self.per_day

    def _turn_page(self) -> None:
        if (today := midnight(self._now())) != self._day:
            self._day, self.spent = today, 0.0


def midnight(now: float) -> float:
    """Unix seconds at which the local day of `now` began."""
    return datetime.fromtimestamp(now).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()


def next_midnight(now: float) -> float:
    # Not 86,400 s on: days on which clocks change are shorter or longer.
    tomorrow = datetime.fromtimestamp(now).date() + timedelta(days=1)
    return datetime(tomorrow.year, tomorrow.month, tomorrow.day).timestamp()
