"""A group of operations in one transaction, on the one connection that writes. Blocking; for the writer's thread."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

from sqlalchemy import Connection, Engine

from bot.store import incarnation
from bot.store.failures import disconnected, lost, suspect, translated
from bot.store.incarnation import Counters
from dispatcher.model import Fenced, StoreUnavailable

log = logging.getLogger(__name__)

V = TypeVar("V")
T = TypeVar("T")

# Writes many values at once and says what became of each, in their order.
Apply: TypeAlias = Callable[[Connection, Sequence[V]], Sequence[T]]


@dataclass(frozen=True, slots=True)
class Write(Generic[V, T]):
    """One operation. Neighbours with the same `apply` go to the database together."""

    name: str
    apply: Apply[V, T]
    value: V


AnyWrite: TypeAlias = Write[Any, Any]


@dataclass(frozen=True, slots=True)
class Written:
    """What became of one operation: a result, or the error that its caller is to see."""

    result: object = None
    error: Exception | None = None


@dataclass(slots=True)
class Attempt:
    """One transaction over a group. `results` is complete when only the answer to COMMIT is missing."""

    group: Sequence[AnyWrite]
    number: int  # incarnation
    transaction: str = ""
    results: list[object] = field(default_factory=list)

    def run(self, connection: Connection) -> list[object]:
        with connection.begin():
            self.transaction = incarnation.check(connection, self.number)
            for neighbours in _neighbours(self.group):
                values = [write.value for write in neighbours]
                self.results.extend(neighbours[0].apply(connection, values))
        return self.results

    @property
    def in_doubt(self) -> bool:
        return bool(self.transaction) and len(self.results) == len(self.group)


class WritingConnection:
    """Replaced by a new one whenever it was lost or is not to be trusted."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self._number = 0

    def take_over(self, now: float) -> tuple[int, Counters]:
        """The new incarnation, and where counting goes on. Raises AlreadyRunning, StoreUnavailable."""
        try:
            self._connection = self._engine.connect()
            with self._connection.begin():
                self._number, counters = incarnation.begin(self._connection, now)
        except Exception as error:
            self._discard()
            raise translated(error, "open") from error
        return self._number, counters

    def perform(self, group: Sequence[AnyWrite]) -> list[Written]:
        """All in one transaction; if that fails, each in one of its own, so that a bad one fails alone."""
        try:
            return [Written(result) for result in self._transaction(group)]
        except Exception as error:  # each caller sees it through its own future
            if len(group) > 1 and not isinstance(error, Fenced) and not lost(error):
                return [self.perform([write])[0] for write in group]
            return [Written(error=translated(error, write.name)) for write in group]

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _transaction(self, group: Sequence[AnyWrite]) -> list[object]:
        kept = self._connection is not None
        attempt = Attempt(group, self._number)
        try:
            return attempt.run(self._connected())
        except Exception as error:
            if suspect(error):
                self._discard()
            if not disconnected(error):
                raise
            if attempt.in_doubt:
                return self._settled(attempt)
            if not kept:
                raise
        # The kept connection died before COMMIT, most likely while it was idle: nothing was done, a new one may do it.
        return Attempt(group, self._number).run(self._connected())

    def _connected(self) -> Connection:
        """Raises StoreUnavailable; Fenced where another bot has taken over meanwhile."""
        if self._connection is None:
            connection = self._engine.connect()
            try:
                self._resume(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _resume(self, connection: Connection) -> None:
        with connection.begin():
            incarnation.check(connection, self._number)
            if not incarnation.locked(connection):
                raise StoreUnavailable("the database has not noticed yet that the last connection ended")

    def _settled(self, attempt: Attempt) -> list[object]:
        """The connection broke between COMMIT and its answer: ask whether it took place.

        Holding the advisory lock again, we know that the old session, and with it the transaction, has ended. Where
        the database cannot be asked either, callers are told StoreUnavailable; a repeated put is then a duplicate.
        """
        connection = self._connected()
        with connection.begin():
            took_place = incarnation.committed(connection, attempt.transaction)
        return attempt.results if took_place else Attempt(attempt.group, self._number).run(connection)

    def _discard(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            connection.invalidate()
            connection.close()
        except Exception:
            log.debug("a broken connection did not close", exc_info=True)


def _neighbours(group: Sequence[AnyWrite]) -> Iterator[list[AnyWrite]]:
    for _, writes in itertools.groupby(group, key=lambda write: write.apply):
        yield list(writes)
