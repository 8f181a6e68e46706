"""The twin and SQLite, given the same calls in any order, answer the same and keep the same books."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.store.records import Scheduled
from bot.store.rules import RecoveryWords, ending_of
from bot.transcript.model import Part, Said
from dispatcher.model import Batch, Binding, Notice, Outcome, RunState
from tests.contract.store_places import AnyStore, Place, command, event, memory_place, notice, sql_place, text
from tests.contract.store_templates import sqlite_template
from transports.base import Choice

__all__ = ["sqlite_template"]  # a fixture

SESSIONS = ("a", "b")
CHILDREN = ("a", "c")
ENDS = (RunState.SUCCEEDED, RunState.FAILED, RunState.STOPPED, RunState.FAILED_TO_KILL, RunState.INTERRUPTED)
WORDS = RecoveryWords(
    run_cut_off=lambda run: f"run {run.id} {run.state} {run.messages}",
    command_cut_off=lambda words: f"cut {words}",
    stop_done=lambda words, count: f"{words} {count}",
    stop_scope=lambda words: "session" if words == "stop" else "all" if words == "stop all" else None,
    question_over=lambda text: f"{text} is over",
)

numbers = st.integers(0, 9)
sessions = st.sampled_from(SESSIONS)
words = st.sampled_from(["status", "stop", "stop all"])
Step: TypeAlias = tuple[object, ...]
steps = st.one_of(
    st.tuples(st.just("text"), numbers, sessions),
    st.tuples(st.just("text"), numbers, sessions),
    st.tuples(st.just("command"), numbers, sessions, words, st.sampled_from([None, "p", "q"])),
    st.tuples(st.just("child"), numbers, st.sampled_from(CHILDREN), sessions, st.booleans()),
    st.tuples(st.just("ambient"), numbers, sessions, st.sampled_from(["on", "off", None])),
    st.tuples(st.just("refuse"), numbers, sessions),
    st.tuples(st.just("edit"), numbers, sessions),
    st.tuples(st.just("retract"), numbers, sessions),
    st.tuples(st.just("claim"), sessions, st.integers(0, 12)),
    st.tuples(st.just("join"), st.integers(0, 3), sessions, st.sets(st.integers(1, 20), max_size=4)),
    st.tuples(st.just("give_back"), st.integers(0, 3), st.sets(st.integers(1, 20), max_size=4)),
    st.tuples(st.just("schedule"), numbers, sessions, st.integers(0, 3)),
    st.tuples(st.just("cancel"), sessions, st.none() | st.integers(1, 3)),
    st.tuples(st.just("fall_due"), st.integers(0, 9)),
    st.tuples(st.just("finish"), st.integers(0, 3), st.sampled_from(ENDS)),
    st.tuples(st.just("discard"), sessions, st.integers(0, 20)),
    st.tuples(st.just("done"), st.integers(1, 20), st.booleans()),
    st.tuples(st.just("deliver"), st.sampled_from(["sent", "retry", "undeliverable", "void", "left"])),
    st.tuples(st.just("ask"), st.integers(1, 4), st.integers(0, 3), st.booleans()),
    st.tuples(st.just("show"), sessions, numbers, st.sampled_from(["", "k"])),
    st.tuples(st.just("show_anew"), st.integers(1, 6), numbers),
    st.tuples(st.just("restart")),
)


@dataclass(slots=True)
class World:
    """One store and what a test remembers of it."""

    place: Place
    store: AnyStore
    batches: list[Batch] = field(default_factory=list)
    log: list[object] = field(default_factory=list)

    async def take(self, step: Step) -> None:
        name, *values = step
        self.log.append(await getattr(self, f"_{name}")(*values))
        self.place.clock.now += 1

    async def _text(self, number: int, session: str) -> object:
        said = notice("full", session, key=f"full-{len(self.log)}")
        one = text(number, f"t{number}", session, Binding(None, "demo"))
        return await self.store.inbox.put(one, max_waiting=3, refusal=said)

    async def _command(self, number: int, session: str, said: str, project: str | None) -> object:
        one = command(number, said, session, project=project)
        return await self.store.inbox.put(one, max_waiting=3, refusal=None)

    async def _child(self, number: int, session: str, parent: str, needy: bool) -> object:
        said = notice("no project", session, key=f"needy-{len(self.log)}") if needy else None
        one = replace(text(number, f"t{number}", session), parent=parent, needs_project=said)
        return await self.store.inbox.put(one, max_waiting=3, refusal=None)

    async def _ambient(self, number: int, session: str, how: str | None) -> object:
        return await self.store.inbox.put(command(number, "ambient", session, ambient=how), max_waiting=3, refusal=None)

    async def _refuse(self, number: int, session: str) -> object:
        return await self.store.inbox.refuse(text(number, "long", session), "too long", None)

    async def _edit(self, number: int, session: str) -> object:
        return await self.store.inbox.edit(event(number, session), "edited")

    async def _retract(self, number: int, session: str) -> object:
        return await self.store.inbox.retract(event(number, session))

    async def _claim(self, session: str, above: int) -> object:
        queue = await self.store.ledger.queue(session, above=above, limit=2)
        batch = await self.store.ledger.claim(session, [row.id for row in queue.rows])
        if batch is not None:
            self.batches.append(batch)
        return queue, batch

    async def _join(self, which: int, session: str, ids: set[int]) -> object:
        return await self.store.ledger.join(self._run(which), session, sorted(ids))

    async def _give_back(self, which: int, ids: set[int]) -> object:
        return await self.store.ledger.give_back(self._run(which), sorted(ids))

    def _run(self, which: int) -> int:
        return self.batches[which].run if which < len(self.batches) else 99

    async def _schedule(self, number: int, session: str, which: int) -> object:
        if which >= len(self.batches):
            return None
        item = Scheduled(
            run=self.batches[which].run,
            session=session,
            transport="t",
            account="me",
            event_id=f"s{number}",
            sender="@ada:example.org",
            sender_name="Ada",
            text=f"again {number}",
            target=session,
            due_at=float(number),
        )
        return await self.store.schedule.add(item)

    async def _cancel(self, session: str, run: int | None) -> object:
        return await self.store.schedule.cancel(session, run)

    async def _fall_due(self, now: int) -> object:
        due = await self.store.schedule.due(now)
        return due, [await self.store.schedule.remove(item.id) for item in due[:1]]

    async def _finish(self, which: int, state: RunState) -> object:
        if which >= len(self.batches):
            return None
        batch = self.batches[which]
        said = notice(f"ended {state}", batch.target, key=f"end-{len(self.log)}")
        await self.store.ledger.finish(batch, Outcome(state, "why", (said,), {"cost": 0.5}))
        return await self.store.runs.get(batch.run)

    async def _discard(self, session: str, upto: int) -> object:
        return await self.store.ledger.discard(session, upto)

    async def _done(self, number: int, ok: bool) -> object:
        said = notice("done", "a", key=f"done-{len(self.log)}")
        return await self.store.inbox.command_done(number, [said], ok=ok)

    async def _deliver(self, how: str) -> object:
        heads = await self.store.outbox.heads(self.place.clock.now)
        for item in heads:
            await self.store.outbox.sending(item.id)
            if how == "retry":
                await self.store.outbox.retry(item.id, self.place.clock.now + 3, "503", repeat=True)
            elif how != "left":
                await getattr(self.store.outbox, how)(item.id, "x")
        return [(item.text, item.target, item.attempts, item.repeat, item.run, item.replaces) for item in heads]

    async def _ask(self, run: int, number: int, ended: bool) -> object:
        asked = Notice("a", f"{number}?", "permission", f"q{number}")
        await self.store.outbox.add([asked], run=run)
        if ended:
            await self.store.outbox.add([Notice("a", "!", "permission", ending_of(asked.key), replaces=asked.key)])
        return await self.store.outbox.ref(asked.key)

    async def _show(self, session: str, number: int, key: str) -> object:
        return await self.store.transcript.add(self._said(session, number, key))

    async def _show_anew(self, which: int, number: int) -> object:
        anew = replace(self._said("c", number, ""), id=which, choices=(Choice("stop", "Stop", "x"),), changed_at=1.5)
        return await self.store.transcript.change(anew)

    def _said(self, session: str, number: int, key: str) -> Said:
        parts = (Part(f"said {number}"), Part("aside", aside=True))
        now = self.place.clock.now
        return Said(
            id=0, session=session, target=session, ref=f"r{number}", key=key, kind="answer", parts=parts, at=now
        )

    async def _restart(self) -> object:
        await self.store.close()
        self.store = await self.place.open()
        return await self.store.recover(unkilled={2: {"survivors": [1]}}, words=WORDS)

    async def report(self) -> list[object]:
        """Everything that can be read."""
        store = self.store
        queues = [await store.ledger.queue(session, above=0, limit=50) for session in SESSIONS]
        told = [await store.sessions.settings(session) for session in (*SESSIONS, *CHILDREN)]
        runs = [*await store.runs.last(limit=50), *await store.runs.alive(), *await store.runs.failed_to_kill()]
        waiting = sorted(await store.ledger.waiting_sessions())
        recent = list(await store.inbox.recent_events())
        later = [await store.schedule.of(session) for session in SESSIONS]
        sums = [await store.runs.spent(since, None) for since in (0.0, self.place.clock.now - 5)]
        missed = [await store.runs.since_success(session, "demo", None) for session in SESSIONS]
        shown = [await store.transcript.page(session, limit=20) for session in SESSIONS]
        named = [await store.transcript.named("a", f"r{number}") for number in range(3)]
        for value in (later, sums, missed, await store.schedule.next_due(), shown, named):
            self.log.append(value)
        return [*self.log, queues, told, runs, waiting, recent, await store.books(), await store.outbox.next_due()]


async def lived(place: Place, story: list[Step]) -> list[object]:
    world = World(place, await place.open())
    for step in story:
        await world.take(step)
    report = await world.report()
    await world.store.close()
    return report


@given(story=st.lists(steps, max_size=40))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_twin_is_one(sqlite_template: Path, story: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        shutil.copy(sqlite_template, f"{directory}/tugbot.db")
        places: list[Callable[[], Place]] = [memory_place, lambda: sql_place(f"sqlite:///{directory}/tugbot.db")]
        twin, real = (asyncio.run(lived(make(), story)) for make in places)
    for mine, theirs in itertools.zip_longest(twin, real):
        assert mine == theirs
