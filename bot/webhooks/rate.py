"""How many happenings of one hook are taken in a minute."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

AT_MOST = 60
WINDOW = 60.0  # seconds


class Rate:
    def __init__(self, clock: Callable[[], float], at_most: int = AT_MOST) -> None:
        self._clock = clock
        self._at_most = at_most
        self._taken: deque[float] = deque()

    def wait(self) -> int:
        """0: this one is taken; else the whole seconds until another may be."""
        now = self._clock()
        while self._taken and now - self._taken[0] >= WINDOW:
            self._taken.popleft()
        if len(self._taken) >= self._at_most:
            return max(1, math.ceil(WINDOW - (now - self._taken[0])))
        self._taken.append(now)
        return 0
