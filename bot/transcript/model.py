"""The words of the transcript. No logic here."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from transports.base import Choice


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a message."""

    text: str  # Markdown
    aside: bool = False  # tells of the work rather than its result; see transports.base.Outbound


@dataclass(frozen=True, slots=True)
class Attached:
    """A file that went with it."""

    name: str
    size: int  # bytes
    kept: bool = False  # its content is here, for the page


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A message of ours as a chat shows it at this moment."""

    id: int
    session: str
    target: str
    ref: str  # the network's id of it
    key: str  # the outbox's; "": a live message of a run, or a passing line
    kind: str  # as in transports.base.Outbound, or "file"
    parts: tuple[Part, ...]
    choices: tuple[Choice, ...] = ()  # what may be pressed under it
    run: int | None = None
    at: float  # Unix seconds
    changed_at: float | None = None
    version: int = 0  # how often it was changed: whoever read it in between knows which events it has already
    file: Attached | None = None


class Transcript(Protocol):
    """bot.store.transcript.Transcript or its twin. All raise StoreUnavailable."""

    def add(self, said: Said) -> asyncio.Future[int]:
        """Its id, which is given out at the call and is known by its end; `said.id` does not matter."""
        ...

    def change(self, said: Said) -> asyncio.Future[bool]:
        """Parts, kind, key, choices, changed_at and version of the message with its id; False: there is none."""
        ...

    async def get(self, number: int) -> Said | None: ...

    async def named(self, target: str, ref: str) -> Said | None:
        """The message that a network knows by that id."""
        ...

    async def page(self, session: str, *, limit: int, before: int | None = None) -> Sequence[Said]:
        """Newest first, with ids below `before`."""
        ...
