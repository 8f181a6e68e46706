"""When tokens and logins were last used: noted in memory, on the disk once in a while. A crash loses minutes of it."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from bot import private

log = logging.getLogger(__name__)


class Uses:
    """`<data>/access/uses.json`: digest → Unix seconds. Written by the bot alone."""

    def __init__(self, data: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = data / "access" / "uses.json"
        self._clock = clock
        self._at = _read(self._path)
        self._changed = False

    def note(self, digest: str) -> None:
        self._at[digest] = self._clock()
        self._changed = True

    def last(self, digest: str) -> float | None:
        at, now = self._at.get(digest), self._clock()
        if at is not None and at > now:  # the clock was wrong then, which must not make anything last
            at = self._at[digest] = now
            self._changed = True
        return at

    def due(self, alive: Callable[[str], bool]) -> Callable[[], None] | None:
        """What writes them down, to be called on any thread, without those that are not `alive`. None: all is there."""
        if not self._changed:
            return None
        self._at = {digest: at for digest, at in self._at.items() if alive(digest)}
        self._changed = False
        written = dict(self._at)
        return lambda: _write(self._path, written)


def read(data: Path) -> Mapping[str, float]:
    return _read(data / "access" / "uses.json")


def _read(path: Path) -> dict[str, float]:
    try:
        document = private.read(path)
    except private.Unreadable:
        return {}  # times of use decide about nothing but what may be forgotten early
    found = document if isinstance(document, dict) else {}
    return {digest: float(at) for digest, at in found.items() if isinstance(at, int | float) and math.isfinite(at)}


def _write(path: Path, uses: Mapping[str, float]) -> None:
    try:
        private.replace(path, uses, lasting=False)
    except OSError as exc:
        log.warning("when tokens and logins were last used could not be written down: %s", exc.strerror)
