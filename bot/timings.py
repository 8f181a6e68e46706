"""How long things took since the start, in counts small enough to keep for ever."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import accumulate
from math import inf

QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds, upper bounds
LONG = (0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)


class Tally:
    """How many observations fell below each bound. One writer: the event loop."""

    def __init__(self, bounds: Iterable[float]) -> None:
        self.bounds = (*bounds, inf)
        self.sum = 0.0
        self._counts = [0] * len(self.bounds)

    def observe(self, seconds: float) -> None:
        seconds = max(0.0, seconds)
        self._counts[bisect_left(self.bounds, seconds)] += 1
        self.sum += seconds

    def below(self) -> tuple[int, ...]:
        """For each bound, the observations up to it; for the last, all."""
        return tuple(accumulate(self._counts))


@dataclass(frozen=True, slots=True)
class Timings:
    lateness: Tally = field(default_factory=lambda: Tally(QUICK))  # from when a batch was due to when it was launched
    stop: Tally = field(default_factory=lambda: Tally(QUICK))  # from a stop's word to the verdict on the run it ended
    provision: Tally = field(default_factory=lambda: Tally(LONG))  # of `new project`, where it succeeded
