"""Stops set off before their word was on disk, until the command that carries the word asks for the result."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial

from bot.agents.base import KillReport
from bot.commands.model import Role
from bot.runs.chores import Chores
from bot.runs.leases import Leases
from bot.runs.live import LiveRuns
from dispatcher.core import Dispatcher
from dispatcher.model import Event, Stopped

REMEMBERED = 1000  # events of stop commands by which a redelivery is recognised without asking the disk


class Halts:
    def __init__(
        self,
        dispatcher: Dispatcher,
        live: LiveRuns,
        resting: Leases,
        chores: Chores,
        known: Iterable[Event],
        took: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        """`known`: events of earlier commands, from the inbox: a network may deliver a stop again after a restart.

        `took`: told how many seconds passed from a stop's word to the verdict on the run that it ended.
        """
        self._took = took
        self._dispatcher = dispatcher
        self._live = live
        self._resting = resting
        self._chores = chores
        self._rests: dict[Event, Awaitable[tuple[KillReport, ...]]] = {}
        self._seen: OrderedDict[Event, None] = OrderedDict((event, None) for event in known)
        self._under_way: dict[Event, Sequence[Awaitable[Stopped]]] = {}

    def begin(self, event: Event, scope: int | str, role: Role) -> None:
        """Signal at once whatever `scope` ("session", "all", or a run's id) covers; once per event."""
        if event in self._seen:
            return
        self._seen[event] = None
        while len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        self._under_way[event] = [self._timed(stop) for stop in self._stops(event, scope, role)]
        if scope in ("session", "all"):
            self._rests[event] = self._resting.end(event.session) if scope == "session" else self._resting.end_all()

    def forget(self, event: Event) -> Sequence[Awaitable[Stopped]]:
        """The word could not be written and will come again; what it set off all the same."""
        self._seen.pop(event, None)
        self._rests.pop(event, None)
        return self._under_way.pop(event, ())

    async def result(self, event: Event) -> tuple[Stopped, ...]:
        return tuple(await asyncio.gather(*self._under_way.pop(event, ())))

    async def rested(self, event: Event) -> tuple[KillReport, ...]:
        """What became of the agents that rested where the stop reached."""
        ending = self._rests.pop(event, None)
        return () if ending is None else await ending

    def _timed(self, stop: Awaitable[Stopped]) -> Awaitable[Stopped]:
        ending = asyncio.ensure_future(stop)
        ending.add_done_callback(partial(self._ended, asyncio.get_running_loop().time()))
        return ending

    def _ended(self, began: float, stop: asyncio.Future[Stopped]) -> None:
        if not stop.cancelled() and stop.exception() is None and stop.result().ended:
            self._took(asyncio.get_running_loop().time() - began)

    def _stops(self, event: Event, scope: int | str, role: Role) -> Sequence[Awaitable[Stopped]]:
        if scope == "session":
            return [self._dispatcher.stop(event.session), *self._chores.stop(event.session)]
        if scope == "all":
            stops = [self._dispatcher.stop(session) for session in self._dispatcher.live_sessions()]
            return [*stops, *self._chores.stop_all()]
        chore = self._chores.live.get(int(scope))
        if chore is not None and may_stop(event.session, chore.job.session, role):
            return self._chores.end(int(scope))
        live = self._live.running.get(int(scope))
        if live is None or not may_stop(event.session, live.batch.session, role):
            return []
        return [self._dispatcher.end(live.batch.session, live.batch.run)]


def may_stop(asked_in: str, session: str, role: Role) -> bool:
    """A conversation's own runs, or any for those who run the place."""
    return asked_in == session or role in ("operator", "owner")
