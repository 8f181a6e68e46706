"""Where everything that happens is put up, and read from by whoever is curious: the one place that makes events.

Putting something up costs the same whether a thousand follow or nobody does: it is written out once. Readers come
with a position of their own, so that one who is slow, or gone, costs nothing.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from bot.happenings.model import Happening, RunEnded, RunStarted, RunText
from bot.happenings.ring import Entry, Read, Ring, Wanted
from bot.hidden import shown

log = logging.getLogger(__name__)

KEPT = 20_000  # events
KEPT_BYTES = 8_000_000
GATHERED = 0.1  # seconds that the words of an answer gather: they come in pieces of a few letters
GATHERED_TEXT = 8_000  # characters that are enough
LONGEST = 32_000  # characters of one field; the API gives all of it
CUT = " […]"

# Why a reader has to read the state anew: it is new; of an earlier start; too slow, or away for too long; not ours.
Lost: TypeAlias = Literal["new", "restarted", "behind", "unknown"]

_ID = re.compile(r"([0-9]{1,18})-([0-9]{1,18})", re.ASCII)


class Handle(Protocol):
    def cancel(self) -> None: ...


Later: TypeAlias = Callable[[float, Callable[[], None]], Handle]  # seconds, and what is to be done then


def _later(seconds: float, act: Callable[[], None]) -> Handle:
    return asyncio.get_running_loop().call_later(seconds, act)


@dataclass(eq=False, slots=True)
class Words:
    """Of an answer under way, not yet put up."""

    pieces: list[str] = field(default_factory=list)
    size: int = 0  # characters
    due: Handle | None = None


class Board:
    def __init__(
        self,
        incarnation: int,
        *,
        kept: int = KEPT,
        kept_bytes: int = KEPT_BYTES,
        clock: Callable[[], float] = time.time,
        later: Later = _later,
    ) -> None:
        """`incarnation`: of this start; an id of an earlier one is known by it. `clock`: wall seconds."""
        self._incarnation = incarnation
        self._ring = Ring(kept, kept_bytes)
        self._clock = clock
        self._later = later
        self._places: dict[int, tuple[str | None, str | None]] = {}  # session and project, by run under way
        self._words: dict[int, Words] = {}  # by run
        self.readers = 0  # who follow at this moment; they count themselves
        self.hark: Callable[[], None] = lambda: None  # told of each new event; must not raise

    # ------------------------------------------------------------ putting up

    def tell(self, happening: Happening) -> None:
        """bot.happenings.model.Tell"""
        try:
            self._tell(happening)
        except Exception:  # a flaw here must not become the flaw of what is told of
            log.exception("an event cannot be told: %s", happening.kind)

    def _tell(self, happening: Happening) -> None:
        run = happening.run
        if isinstance(happening, RunText):
            self._gather(happening)
            return
        if isinstance(happening, RunStarted) and run is not None:
            self._places[run] = happening.session, happening.project
        if run is not None and run in self._words:
            self._say(run)  # the order is what it means
        self._put_up(happening)
        if isinstance(happening, RunEnded) and run is not None:
            self._places.pop(run, None)

    def _gather(self, happening: RunText) -> None:
        run = happening.run
        assert run is not None
        words = self._words.setdefault(run, Words())
        words.pieces.append(happening.text)
        words.size += len(happening.text)
        if words.size >= GATHERED_TEXT:
            self._say(run)
        elif words.due is None:
            words.due = self._later(GATHERED, lambda: self._say(run))

    def _say(self, run: int) -> None:
        words = self._words.pop(run)
        if words.due is not None:
            words.due.cancel()
        text = "".join(words.pieces)
        for start in range(0, len(text), LONGEST):
            self._put_up(RunText(run=run, text=text[start : start + LONGEST]))

    def _put_up(self, happening: Happening) -> None:
        session, project = self._places.get(happening.run or 0, (None, None))
        session, project = happening.session or session, happening.project or project
        said = {"at": round(self._clock(), 3), **_fields(happening), "session": session, "project": project}
        number = self._ring.last + 1
        frame = framed(happening.kind, said, self._id(number))
        self._ring.add(Entry(number, frame, session, happening.run, project))
        self.hark()

    # ------------------------------------------------------------ reading

    @property
    def newest(self) -> int:
        """The position after everything that has happened."""
        return self._ring.last

    @property
    def held(self) -> int:
        """Bytes of the events that are kept."""
        return self._ring.held

    def read(self, after: int, wanted: Wanted, most: int) -> Read:
        """See Ring.read. Raises Fallen."""
        return self._ring.read(after, wanted, most)

    def position(self, last_id: str) -> int | Lost:
        """Where one reads on whose last event had this id ("": there was none), or why that cannot be."""
        if not last_id:
            return "new"
        named = _ID.fullmatch(last_id)
        if named is None:
            return "unknown"
        incarnation, number = int(named[1]), int(named[2])
        if incarnation != self._incarnation:
            return "restarted" if incarnation < self._incarnation else "unknown"
        if number > self._ring.last:
            return "unknown"
        return number if number >= self._ring.last - len(self._ring) else "behind"

    def reset(self, why: Lost) -> bytes:
        """Tells a reader to read the state anew, and then to go on from the newest event."""
        return framed("reset", {"at": round(self._clock(), 3), "why": why}, self._id(self._ring.last))

    def heartbeat(self, position: int) -> bytes:
        """A comment, and the position, since a filter may have let nothing through for long.

        Without data there is no event (HTML, 9.2.6).
        """
        return f":\nid: {self._id(position)}\n\n".encode()

    def _id(self, number: int) -> str:
        return f"{self._incarnation}-{number}"


def framed(kind: str, said: Mapping[str, object], number: str) -> bytes:
    """As it goes over the wire. JSON has no line breaks of its own, so one line of data is enough."""
    data = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
    return f"id: {number}\nevent: {kind}\ndata: {data}\n\n".encode("utf-8", "replace")


def _fields(happening: Happening) -> dict[str, object]:
    # A field that is named as something the class has already ends with "_".
    named = {each.name.removesuffix("_"): getattr(happening, each.name) for each in dataclasses.fields(happening)}
    if isinstance(happening, RunText):
        return named  # its pieces were put together where secrets in them can be seen: bot/replies/screened.py
    return {name: _clean(value) for name, value in named.items()}


def _clean(value: object) -> object:
    """Without secrets, and bounded."""
    if isinstance(value, str):
        text = shown(value)
        return text if len(text) <= LONGEST else text[:LONGEST] + CUT
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: _clean(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, list | tuple):
        return [_clean(each) for each in value]
    return value
