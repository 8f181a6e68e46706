"""Threads that we are in: whom a stream in one is for, and which ones are looked through after a gap."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping

from transports.base import Keepsakes

PREFIX = "thread/"  # of keepsakes; behind it the channel, "/" and the root's ts
MOST = 300  # threads; those that were silent longest are forgotten
OFTEN = 3_600.0  # seconds between two notes of one thread


class Threads:
    def __init__(self, keepsakes: Keepsakes, clock: Callable[[], float] = time.time) -> None:
        self._keepsakes = keepsakes
        self._clock = clock
        self._noted: OrderedDict[tuple[str, str], float] = OrderedDict()  # by channel and root, silent longest first
        self._talkers: dict[tuple[str, str], str] = {}  # who spoke last, by the same

    def load(self, kept: Mapping[str, str]) -> None:
        """`kept`: the keepsakes under PREFIX."""
        found = {key.removeprefix(PREFIX).partition("/"): float(at) for key, at in kept.items()}
        for (channel, _, root), at in sorted(found.items(), key=lambda each: each[1]):
            self._noted.setdefault((channel, root), at)

    def note(self, channel: str, root: str, user: str) -> Awaitable[None] | None:
        """Somebody speaks there. Done with the commit; None: nothing has to be written."""
        key, now = (channel, root), self._clock()
        self._talkers[key] = user
        if now - self._noted.get(key, 0.0) < OFTEN:
            return None
        self._noted[key] = now
        self._noted.move_to_end(key)
        changes: dict[str, str | None] = {f"{PREFIX}{channel}/{root}": f"{now:.0f}"}
        while len(self._noted) > MOST:
            (old, its_root), _ = self._noted.popitem(last=False)
            self._talkers.pop((old, its_root), None)
            changes[f"{PREFIX}{old}/{its_root}"] = None
        return self._keepsakes.write(changes)

    def talker(self, channel: str, root: str) -> str:
        """ "" where nobody spoke since the start."""
        return self._talkers.get((channel, root), "")

    def of(self, channel: str) -> tuple[str, ...]:
        return tuple(root for each, root in self._noted if each == channel)
