"""The newest events, bounded in number and bytes, and who reads on from where. Pure.

Nothing is kept for anyone who reads: a reader has a position, and takes what came after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

READS = 64  # answers that are kept for others who ask the same


@dataclass(frozen=True, slots=True)
class Entry:
    """One event, written out once for all who read it."""

    number: int  # from 1, without gaps
    frame: bytes  # as it goes over the wire
    session: str | None
    run: int | None
    project: str | None


@dataclass(frozen=True, slots=True)
class Read:
    """What came after a position."""

    upto: int  # the position now
    data: bytes  # frames of what was wanted
    more: bool  # there was more than one read takes


class Fallen(Exception):
    """What came after that position is not known any more, or never was."""


Wanted: TypeAlias = Callable[[Entry], bool]  # hashable: two that are equal want the same


class Ring:
    def __init__(self, at_most: int, size: int) -> None:
        """`at_most` events, of `size` bytes together."""
        self._slots: list[Entry | None] = [None] * at_most
        self._size = size
        self._held = 0  # bytes
        self._first = 1  # number of the oldest that is kept
        self.last = 0  # number of the newest
        self._reads: dict[tuple[int, Wanted, int], Read] = {}  # since the newest event: many read the same

    @property
    def held(self) -> int:
        return self._held

    def add(self, entry: Entry) -> None:
        """Its number must be the next."""
        assert entry.number == self.last + 1
        if len(self) == len(self._slots):
            self._drop()
        self._slots[entry.number % len(self._slots)] = entry
        self.last = entry.number
        self._held += len(entry.frame)
        while self._held > self._size:
            self._drop()
        self._reads.clear()

    def __len__(self) -> int:
        return self.last - self._first + 1

    def read(self, after: int, wanted: Wanted, most: int) -> Read:
        """What came after that position: about `most` bytes at a time, but at least one event. Raises Fallen."""
        if not self._first - 1 <= after <= self.last:
            raise Fallen
        key = (after, wanted, most)
        if (known := self._reads.get(key)) is None:
            if len(self._reads) >= READS:
                self._reads.clear()
            known = self._reads[key] = self._read(after, wanted, most)
        return known

    def _read(self, after: int, wanted: Wanted, most: int) -> Read:
        frames: list[bytes] = []
        size = 0
        for entry in self._entries(after):
            if wanted(entry):
                if frames and size + len(entry.frame) > most:
                    return Read(entry.number - 1, b"".join(frames), more=True)
                frames.append(entry.frame)
                size += len(entry.frame)
        return Read(self.last, b"".join(frames), more=False)

    def _entries(self, after: int) -> Iterator[Entry]:
        for number in range(after + 1, self.last + 1):
            entry = self._slots[number % len(self._slots)]
            assert entry is not None
            yield entry

    def _drop(self) -> None:
        place = self._first % len(self._slots)
        entry = self._slots[place]
        assert entry is not None
        self._held -= len(entry.frame)
        self._slots[place] = None
        self._first += 1
