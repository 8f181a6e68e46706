"""What the page's transport speaks to: there, what is written down is what is said."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bot.transcript.book import Book, filed, said
from bot.transcript.model import Attached
from dispatcher.model import StoreUnavailable
from transports.base import MessageRef, Outbound, TemporaryFailure


class Stage:
    """transports.web.Stage."""

    def __init__(self, book: Book, clock: Callable[[], float] = time.time) -> None:
        self._book = book
        self._clock = clock

    async def send(self, message: Outbound) -> str:
        ref = message.key or secrets.token_hex(8)
        with _kept():
            # A key that was sent by an earlier process, or whose sending was not recorded.
            if not message.key or await self._book.named(message.target, ref) is None:
                await self._book.add(said(message, message.target, ref, self._clock()))
        return ref

    async def edit(self, ref: MessageRef, message: Outbound) -> bool:
        with _kept():
            return await self._book.edit(message, ref.id, self._clock())

    async def file(self, target: str, name: str, size: int) -> int:
        with _kept():
            file = Attached(name, size, kept=True)
            new = await self._book.add(filed(file, target, target, f"file/{secrets.token_hex(8)}", self._clock()))
        return new.id


@contextmanager
def _kept() -> Iterator[None]:
    try:
        yield
    except StoreUnavailable as exc:
        raise TemporaryFailure(str(exc)) from exc
