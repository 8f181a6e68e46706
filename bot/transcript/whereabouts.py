"""Which conversation a target of another network belongs to."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeAlias, TypeVar

from transports.base import Ack, Inbound, Receiver

REMEMBERED = 10_000

K = TypeVar("K")
V = TypeVar("V")
R = TypeVar("R", covariant=True)

# Session and project of a run; None: there is no such run. Raises StoreUnavailable.
OfRun: TypeAlias = Callable[[int], Awaitable[tuple[str, str | None] | None]]
# Whether there is such a session. Raises StoreUnavailable.
Knows: TypeAlias = Callable[[str], Awaitable[bool]]


class Whereabouts:
    def __init__(self, of_run: OfRun, knows: Knows) -> None:
        self._look_up = of_run
        self._knows = knows
        self._sessions: OrderedDict[str, str] = OrderedDict()  # by target
        self._runs: OrderedDict[int, tuple[str, str | None]] = OrderedDict()

    def note(self, session: str, target: str) -> None:
        """Something was said in `session`, and is answered at `target`."""
        _put(self._sessions, target, session)

    async def session(self, target: str, run: int | None) -> str:
        """Raises StoreUnavailable."""
        if (noted := self._sessions.get(target)) is not None:
            return noted
        place = await self.of_run(run) if run is not None else None
        if place is not None:
            return place[0]
        parent = target.rpartition("/")[0]
        if "/" in parent and not await self._knows(target) and await self._knows(parent):
            return parent
        return target

    async def of_run(self, run: int) -> tuple[str, str | None] | None:
        """Raises StoreUnavailable."""
        if run not in self._runs and (found := await self._look_up(run)) is not None:
            _put(self._runs, run, found)
        return self._runs.get(run)


class Listening(Receiver, Protocol[R]):
    """bot.router.Router: a receiver, and what the API asks of it."""

    def perform(self, inbound: Inbound) -> Awaitable[R]: ...


class Noting(Generic[R]):
    """A receiver around another, that notes where conversations are answered."""

    def __init__(self, listening: Listening[R], whereabouts: Whereabouts) -> None:
        self._listening = listening
        self._whereabouts = whereabouts
        self.amend = listening.amend
        self.admits = listening.admits
        self.session_of = listening.session_of
        self.knows = listening.knows

    def receive(self, inbound: Inbound) -> Awaitable[Ack]:
        self._whereabouts.note(inbound.session, inbound.target)
        return self._listening.receive(inbound)

    def perform(self, inbound: Inbound) -> Awaitable[R]:
        self._whereabouts.note(inbound.session, inbound.target)
        return self._listening.perform(inbound)


def _put(known: OrderedDict[K, V], key: K, value: V) -> None:
    known[key] = value
    known.move_to_end(key)
    if len(known) > REMEMBERED:
        known.popitem(last=False)
