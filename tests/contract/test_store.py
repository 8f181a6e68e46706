"""What every store does: the twin, SQLite and PostgreSQL. Names follow spec/dispatch.md."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from bot.agents.base import Identity, KillReport
from bot.projects.errors import NameTaken, PortsExhausted
from bot.projects.model import Owner, Project, ProjectState, Resources
from bot.store.records import Conversation, Member, OutboxItem, Scheduled, SessionSettings
from bot.store.rules import RecoveryWords, StopScope, ending_of
from dispatcher.model import (
    Accepted,
    Batch,
    Binding,
    Duplicate,
    Fenced,
    Message,
    Notice,
    Outcome,
    Receipt,
    Refused,
    RunState,
)
from tests.contract.store_places import AnyStore, Place, command, event, memory_place, notice, sql_place, text
from tests.contract.store_templates import empty_database, postgres_shared, postgres_template, sqlite_template
from tests.postgres import postgres

__all__ = ["postgres", "postgres_shared", "postgres_template", "sqlite_template"]  # fixtures

HERE, THERE = "console/local", "matrix/!room"


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.integration)])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    place = memory_place() if request.param == "memory" else sql_place(*empty_database(request, tmp_path))
    yield place
    await place.close()


@pytest.fixture
async def store(place: Place) -> AnyStore:
    return await place.open()


def put(store: AnyStore, message: Message, max_waiting: int = 200) -> asyncio.Future[Receipt]:
    return store.inbox.put(message, max_waiting=max_waiting, refusal=notice("The queue is full."))


async def waiting(store: AnyStore, session: str = HERE) -> list[str]:
    return [row.text for row in (await store.ledger.queue(session, above=0, limit=500)).rows]


async def claimed(store: AnyStore, *numbers: int, session: str = HERE) -> Batch:
    batch = await store.ledger.claim(session, numbers)
    assert batch is not None
    return batch


async def accepted(store: AnyStore, message: Message) -> int:
    receipt = await put(store, message)
    assert isinstance(receipt, Accepted)
    return receipt.id


async def said(store: AnyStore, now: float = 2_000_000.0) -> list[str]:
    """Every undelivered text, by delivering it."""
    texts = []
    while heads := await store.outbox.heads(now):
        for item in heads:
            texts.append(item.text)
            await store.outbox.sending(item.id)
            await store.outbox.sent(item.id, "ref")
    return texts


async def head(store: AnyStore, now: float = 2_000_000.0) -> OutboxItem:
    (item,) = await store.outbox.heads(now)
    return item


def scope(words: str) -> StopScope:
    scopes: dict[str, StopScope] = {"stop": "session", "stop all": "all", "stop 7": "run"}
    return scopes.get(words)


WORDS = RecoveryWords(
    run_cut_off=lambda run: f"Run {run.id} was cut off ({run.state}).",
    command_cut_off=lambda words: f"`{words}` was cut off.",
    stop_done=lambda words, count: f"`{words}`: {count} discarded.",
    stop_scope=scope,
    question_over=lambda text: f"{text} is over",
)


class TestPut:
    async def test_a_message_waits_with_everything_it_came_with(self, store: AnyStore) -> None:
        message = Message(
            event=event("$1", THERE),
            sender="@ada:example.org",
            sender_name="Ada",
            text="fix it\n\tplease — “now”",
            target="matrix/!room/thread",
            direct=True,
            sent_at=12.5,
            attachments=("mxc://a", "mxc://b"),
            default=Binding("harbour", "demo"),
        )
        receipt = await put(store, message)
        (row,) = (await store.ledger.queue(THERE, above=0, limit=10)).rows
        assert receipt == Accepted(row.id, "harbour")
        assert (row.event, row.sender, row.sender_name) == (message.event, message.sender, message.sender_name)
        assert (row.text, row.target, row.direct) == (message.text, message.target, True)
        assert (row.binding, row.attachments) == (message.default, message.attachments)

    async def test_the_same_event_is_a_duplicate_and_changes_nothing(self, store: AnyStore) -> None:
        first = await accepted(store, text(1, "first"))
        assert await put(store, text(1, "second")) == Duplicate(first)
        assert await waiting(store) == ["first"]

    async def test_the_same_event_id_elsewhere_is_another_message(self, store: AnyStore) -> None:
        await accepted(store, text(1))
        await accepted(store, text(1, session=THERE))

    async def test_200_concurrent_puts_of_one_event_make_one_row(self, store: AnyStore) -> None:
        receipts = await asyncio.gather(*(put(store, text(1)) for _ in range(200)))
        assert sum(isinstance(receipt, Accepted) for receipt in receipts) == 1
        assert {receipt.id for receipt in receipts} == {receipts[0].id}
        assert len(await waiting(store)) == 1

    async def test_a_duplicate_is_known_after_a_restart(self, place: Place, store: AnyStore) -> None:
        first = await accepted(store, text(1))
        assert await put(await place.open(), text(1)) == Duplicate(first)

    async def test_rows_keep_the_order_of_the_calls(self, store: AnyStore) -> None:
        await asyncio.gather(*(put(store, text(n, f"m{n}")) for n in range(150)))
        assert await waiting(store) == [f"m{n}" for n in range(150)]

    async def test_ids_are_given_at_the_call(self, store: AnyStore) -> None:
        before = store.inbox.last_id
        future = put(store, text(1))
        assert store.inbox.last_id == before + 1
        assert await future == Accepted(before + 1)

    async def test_ids_go_on_after_a_restart(self, place: Place, store: AnyStore) -> None:
        number = await accepted(store, text(1))
        again = await place.open()
        assert again.inbox.last_id == number
        assert await accepted(again, text(2)) == number + 1

    async def test_a_full_queue_refuses_text_with_its_notice(self, store: AnyStore) -> None:
        receipts = await asyncio.gather(*(put(store, text(n, f"m{n}"), max_waiting=3) for n in range(5)))
        assert [type(receipt) for receipt in receipts] == [Accepted] * 3 + [Refused] * 2
        assert await waiting(store) == ["m0", "m1", "m2"]
        assert await said(store) == ["The queue is full."] * 2
        assert (await store.books()).texts == {"waiting": 3, "refused": 2}

    async def test_a_quiet_refusal_says_nothing_and_its_repeat_is_a_duplicate(self, store: AnyStore) -> None:
        receipt = await store.inbox.put(text(1), max_waiting=0, refusal=None)
        assert await store.inbox.put(text(1), max_waiting=9, refusal=None) == Duplicate(receipt.id)
        assert await said(store) == []

    async def test_a_full_queue_is_full_for_its_own_session_and_for_text_only(self, store: AnyStore) -> None:
        await put(store, text(1), max_waiting=1)
        assert isinstance(await put(store, text(2, session=THERE), max_waiting=1), Accepted)
        assert isinstance(await put(store, command(3), max_waiting=1), Accepted)

    async def test_a_command_never_waits(self, store: AnyStore) -> None:
        await accepted(store, command(1, "stop"))
        assert await waiting(store) == []
        assert await store.ledger.waiting_sessions() == []

    async def test_a_message_refused_for_its_own_sake_keeps_its_beginning(self, store: AnyStore) -> None:
        receipt = await store.inbox.refuse(text(1, "x" * 5_000), "too long", notice("Too long."))
        assert receipt == Refused(store.inbox.last_id, "too long")
        assert await store.inbox.refuse(text(1, "x" * 5_000), "too long", notice("Too long.")) == Duplicate(receipt.id)
        assert await said(store) == ["Too long."]
        assert await store.inbox.edit(event(1), "short") == "late"


class TestBinding:
    async def test_a_setting_binds_the_next_message_however_fast_it_follows(self, store: AnyStore) -> None:
        default = Binding("none", "demo")
        await asyncio.gather(
            put(store, text(1, default=default)),
            put(store, command(2, "use harbour", project="harbour")),
            put(store, text(3, default=default)),
            put(store, command(4, "agent claude", agent="claude")),
            put(store, text(5, default=default)),
            put(store, command(6, "use nothing", project=None)),
            put(store, text(7, default=default)),
        )
        rows = (await store.ledger.queue(HERE, above=0, limit=9)).rows
        assert [row.binding for row in rows] == [
            Binding("none", "demo"),
            Binding("harbour", "demo"),
            Binding("harbour", "claude"),
            Binding("none", "claude"),
        ]

    async def test_a_repeated_command_does_not_bind_again(self, store: AnyStore) -> None:
        await put(store, command(1, "use a", project="a"))
        await put(store, command(2, "use b", project="b"))
        await put(store, command(1, "use a", project="a"))
        assert await store.sessions.settings(HERE) == SessionSettings(project="b")

    async def test_the_mode_is_a_setting_and_comes_with_the_queue(self, place: Place, store: AnyStore) -> None:
        await put(store, command(1, "mode interrupt", mode="interrupt"))
        again = await place.open()
        assert (await again.ledger.queue(HERE, above=0, limit=9)).mode == "interrupt"
        await put(again, command(2, "mode", mode=None))
        assert (await again.ledger.queue(HERE, above=0, limit=9)).mode == "collect"

    async def test_settings_stay_in_their_session(self, store: AnyStore) -> None:
        await put(store, command(1, project="harbour"))
        assert await store.sessions.settings(THERE) == SessionSettings()

    async def test_an_unknown_setting_is_a_mistake_at_the_call(self, store: AnyStore) -> None:
        with pytest.raises(ValueError, match="colour"):
            put(store, command(1, colour="red"))
        with pytest.raises(ValueError, match="ambient"):
            put(store, command(1, ambient="loud"))

    async def test_a_new_session_begins_with_its_parents_settings(self, place: Place, store: AnyStore) -> None:
        await asyncio.gather(
            put(store, command(1, "use harbour", THERE, project="harbour", agent="claude", mode="steer")),
            put(store, command(2, "ambient on", THERE, ambient="on")),
            put(store, replace(text(3, "same commit", HERE), parent=THERE)),
        )
        begun = SessionSettings("harbour", "claude", "steer", ambient=True)
        (row,) = (await store.ledger.queue(HERE, above=0, limit=9)).rows
        assert row.binding == Binding("harbour", "claude")
        assert await store.sessions.settings(HERE) == begun
        await put(store, replace(command(4, "use none", "new", project=None), parent=THERE))
        await put(store, command(5, "ambient off", THERE, ambient="off", project="other"))
        await put(store, replace(text(6), parent=THERE))
        again = await place.open()
        assert await again.sessions.settings("new") == replace(begun, project=None)
        assert await again.sessions.settings(HERE) == begun
        assert await again.sessions.all() == {HERE: True, THERE: False, "new": True}

    async def test_a_parent_that_nobody_spoke_in_gives_nothing(self, store: AnyStore) -> None:
        await put(store, replace(text(1), parent=THERE))
        await put(store, command(2, "use harbour", THERE, project="harbour"))
        await put(store, replace(text(3), parent=THERE))
        assert await store.sessions.all() == {HERE: False, THERE: False}
        assert await store.sessions.settings(HERE) == SessionSettings()


class TestNeedsProject:
    async def test_it_is_refused_where_none_is_bound_and_says_so(self, store: AnyStore) -> None:
        needy = [replace(text(n), needs_project=notice("No project.", key=f"n{n}")) for n in range(4)]
        receipts = await asyncio.gather(
            put(store, needy[0]),
            put(store, command(9, "use harbour", project="harbour")),
            put(store, needy[1]),
            put(store, command(10, "use none", project=None)),
            put(store, needy[2]),
            put(store, needy[0]),
        )
        kinds = [type(receipt) for receipt in receipts]
        assert kinds == [Refused, Accepted, Accepted, Accepted, Refused, Duplicate]
        assert isinstance(receipts[0], Refused)
        assert "project" in receipts[0].reason
        assert await said(store) == ["No project.", "No project."]
        assert (await store.books()).texts == {"refused": 2, "waiting": 1}

    async def test_a_parents_or_the_defaults_project_is_one(self, store: AnyStore) -> None:
        await put(store, command(1, "use harbour", THERE, project="harbour"))
        needy = replace(text(2), needs_project=notice("No project."))
        assert isinstance(await put(store, replace(needy, parent=THERE)), Accepted)
        assert isinstance(await put(store, replace(needy, event=event(3, "x"), default=Binding("y"))), Accepted)


async def test_where_an_event_was_taken_in(store: AnyStore) -> None:
    await put(store, text("$1", session=THERE))
    await put(store, text("$1", session=HERE))
    assert await store.inbox.session_of("console", "me", "$1") == THERE
    for transport, account, event_id in (("slack", "me", "$1"), ("console", "you", "$1"), ("console", "me", "$2")):
        assert await store.inbox.session_of(transport, account, event_id) is None


class TestMembers:
    async def test_they_are_kept_by_account(self, place: Place, store: AnyStore) -> None:
        ada = Member("matrix", "@ada:x", "Ada", "owner", "the console", 2.0)
        bob = Member("slack", "U1", "Bob", "member", "Ada", 1.0)
        for member in (ada, bob, replace(bob, transport="web"), replace(bob, role="guest")):
            await store.members.put(member)
        again = await place.open()
        assert list(await again.members.all()) == [replace(bob, role="guest"), replace(bob, transport="web"), ada]
        assert await again.members.remove("slack", "U1")
        assert not await again.members.remove("slack", "U1")
        assert list(await again.members.all()) == [replace(bob, transport="web"), ada]

    async def test_whoever_was_replaced_changes_nothing(self, place: Place, store: AnyStore) -> None:
        await place.open()
        with pytest.raises(Fenced):
            await store.members.put(Member("matrix", "@ada:x", "Ada", "owner"))


class TestKeepsakes:
    async def test_each_transport_has_its_own(self, place: Place, store: AnyStore) -> None:
        await store.keepsakes("matrix").write({"sync/a": "1", "sync/A": "2", "sync%": "3", "other": ""})
        await store.keepsakes("slack").write({"sync/a": "9"})
        mine = (await place.open()).keepsakes("matrix")
        assert await mine.read("sync/") == {"sync/a": "1", "sync/A": "2"}
        assert await mine.read("sync%") == {"sync%": "3"}
        assert await mine.read("") == {"sync/a": "1", "sync/A": "2", "sync%": "3", "other": ""}
        assert await mine.read("nothing") == {}

    async def test_a_write_changes_adds_and_forgets_at_once(self, store: AnyStore) -> None:
        mine = store.keepsakes("matrix")
        await mine.write({"a": "1", "b": "2"})
        changes: dict[str, str | None] = {"a": "new", "b": None, "c": "3", "never": None}
        written = mine.write(changes)
        changes.clear()  # a caller may go on with its own
        await written
        await mine.write({})
        assert await mine.read("") == {"a": "new", "c": "3"}

    async def test_a_write_is_behind_what_was_handed_in_before(self, store: AnyStore) -> None:
        done: list[str] = []
        calls: list[asyncio.Future[Any]] = [
            put(store, text(1)),
            store.keepsakes("matrix").write({"token": "1"}),
            put(store, text(2)),
        ]
        for name, call in zip(("put", "token", "put"), calls, strict=True):
            call.add_done_callback(lambda _, name=name: done.append(name))  # type: ignore[misc]
        await asyncio.gather(*calls)
        assert done == ["put", "token", "put"]


class TestAmend:
    async def test_an_edit_by_somebody_else_is_of_no_message(self, store: AnyStore) -> None:
        await put(store, text(1, "one"))
        assert await store.inbox.edit(event(1), "mine", "@eve:example.org") == "unknown"
        assert await waiting(store) == ["one"]
        assert await store.inbox.edit(event(1), "uno", "@ada:example.org") == "changed"
        assert await waiting(store) == ["uno"]

    async def test_a_waiting_message_can_be_changed_and_taken_back(self, store: AnyStore) -> None:
        await asyncio.gather(put(store, text(1, "one")), put(store, text(2, "two")))
        assert await store.inbox.edit(event(1), "uno") == "changed"
        assert await store.inbox.retract(event(2)) == "changed"
        assert await waiting(store) == ["uno"]
        assert await store.inbox.retract(event(2)) == "late"
        assert (await store.books()).texts == {"waiting": 1, "retracted": 1}

    async def test_after_the_claim_it_is_late(self, store: AnyStore) -> None:
        batch = await claimed(store, await accepted(store, text(1, "one")))
        assert await store.inbox.edit(event(1), "uno") == "late"
        await store.ledger.finish(batch, Outcome(RunState.SUCCEEDED))
        assert await store.inbox.retract(event(1)) == "late"

    async def test_commands_and_strangers(self, store: AnyStore) -> None:
        await put(store, command(1))
        assert await store.inbox.edit(event(1), "stop") == "late"
        assert await store.inbox.edit(event(9), "stop") == "unknown"
        assert await store.inbox.retract(event(1, THERE)) == "unknown"


class TestQueue:
    async def test_above_and_limit(self, store: AnyStore) -> None:
        numbers = [await accepted(store, text(n, f"m{n}")) for n in range(5)]
        queue = await store.ledger.queue(HERE, above=numbers[0], limit=2)
        assert [row.text for row in queue.rows] == ["m1", "m2"]

    async def test_sessions_with_waiting_rows(self, store: AnyStore) -> None:
        number = await accepted(store, text(1))
        await accepted(store, text(2, session=THERE))
        assert sorted(await store.ledger.waiting_sessions()) == [HERE, THERE]
        await store.ledger.discard(HERE, number)
        assert await store.ledger.waiting_sessions() == [THERE]


class TestRunOfABatch:
    async def test_a_claim_makes_a_run_of_the_rows_that_still_wait(self, place: Place, store: AnyStore) -> None:
        default = Binding("harbour", "demo")
        numbers = [await accepted(store, text(n, f"m{n}", default=default)) for n in range(4)]
        await store.inbox.retract(event(1))
        batch = await claimed(store, *numbers[:3])
        assert [row.text for row in batch.rows] == ["m0", "m2"]
        assert await waiting(store) == ["m3"]
        run = await store.runs.get(batch.run)
        assert run is not None
        assert (run.kind, run.state, run.session, run.target) == ("agent", RunState.STARTING, HERE, HERE)
        assert (run.project, run.agent, run.requested_by) == ("harbour", "demo", "Ada")
        assert (run.messages, run.prompt) == ((numbers[0], numbers[2]), "m0\n\nm2")
        assert run.queued_at == run.started_at == place.clock.now

    async def test_rows_are_claimed_once(self, store: AnyStore) -> None:
        number = await accepted(store, text(1))
        first, second = await asyncio.gather(store.ledger.claim(HERE, [number]), store.ledger.claim(HERE, [number]))
        assert first is not None
        assert second is None
        assert (await store.books()).runs == {"starting": 1}

    async def test_a_claim_takes_rows_of_its_session_only(self, store: AnyStore) -> None:
        number = await accepted(store, text(1))
        assert await store.ledger.claim(THERE, [number]) is None

    async def test_a_claim_called_before_its_rows_are_written_finds_them(self, store: AnyStore) -> None:
        put(store, text(1))
        assert len((await claimed(store, store.inbox.last_id)).rows) == 1

    @pytest.mark.parametrize(
        ("ended", "row"),
        [
            (RunState.SUCCEEDED, "answered"),
            (RunState.FAILED, "failed"),
            (RunState.TIMED_OUT, "failed"),
            (RunState.STOPPED, "stopped"),
            (RunState.FAILED_TO_KILL, "stopped"),
            (RunState.INTERRUPTED, "interrupted"),
        ],
    )
    async def test_run_rows_and_notices_end_together(
        self, place: Place, store: AnyStore, ended: RunState, row: str
    ) -> None:
        batch = await claimed(store, await accepted(store, text(1)))
        place.clock.now += 5
        await store.ledger.finish(batch, Outcome(ended, "because", (notice("Done."),)))
        run = await store.runs.get(batch.run)
        assert run is not None
        assert (run.state, run.error, run.ended_at) == (ended, "because", place.clock.now)
        books = await store.books()
        assert (books.texts, books.runs) == ({row: 1}, {ended.value: 1})
        assert (await head(store)).run == batch.run

    async def test_a_second_finish_changes_nothing(self, store: AnyStore) -> None:
        batch = await claimed(store, await accepted(store, text(1)))
        await store.ledger.finish(batch, Outcome(RunState.SUCCEEDED, notices=(notice("Done."),)))
        await store.ledger.finish(batch, Outcome(RunState.FAILED, notices=(notice("Failed."),)))
        assert await said(store) == ["Done."]
        assert (await store.books()).texts == {"answered": 1}

    async def test_the_record_comes_back_as_it_was_told(self, place: Place, store: AnyStore) -> None:
        batch = await claimed(store, await accepted(store, text(1)))
        identity = Identity("boot", 4242, 99)
        report = asdict(KillReport(found=2, seconds=0.14, verified=True, survivors=(7,), method="bubblewrap"))
        assert await store.runs.update(batch.run, state=RunState.RUNNING, containment=identity, model="m1")
        record = {"exit_code": -9, "cost": 0.25, "tokens_in": 10, "tokens_out": 20, "kill_report": report}
        await store.ledger.finish(batch, Outcome(RunState.STOPPED, record={**record, "reply": "é" * 40_000}))
        run = await (await place.open()).runs.get(batch.run)
        assert run is not None
        assert (run.containment, run.model, run.exit_code, run.cost) == (identity, "m1", -9, 0.25)
        assert (run.tokens_in, run.tokens_out, len(run.reply or "")) == (10, 20, 30_000)
        assert run.kill_report == {**report, "survivors": [7]}

    async def test_a_late_word_about_life_never_brings_a_run_back(self, store: AnyStore) -> None:
        batch = await claimed(store, await accepted(store, text(1)))
        await store.ledger.finish(batch, Outcome(RunState.FAILED_TO_KILL))
        assert not await store.runs.update(batch.run, state=RunState.RUNNING)
        assert [run.id for run in await store.runs.failed_to_kill()] == [batch.run]
        assert await store.runs.update(batch.run, state=RunState.STOPPED)
        assert await store.runs.failed_to_kill() == []

    async def test_an_unknown_column_is_a_mistake_at_the_call(self, store: AnyStore) -> None:
        batch = await claimed(store, await accepted(store, text(1)))
        with pytest.raises(ValueError, match="colour"):
            store.runs.update(batch.run, colour="red")
        with pytest.raises(ValueError, match="not how a run ends"):
            store.ledger.finish(batch, Outcome(RunState.RUNNING))

    async def test_discard_stops_what_waits_up_to_the_mark(self, store: AnyStore) -> None:
        numbers = [await accepted(store, text(n, f"m{n}")) for n in range(3)]
        await claimed(store, numbers[0])
        await accepted(store, text(9, session=THERE))
        assert await store.ledger.discard(HERE, numbers[1]) == 1
        assert await waiting(store) == ["m2"]
        assert await waiting(store, THERE) == ["hello"]


class TestTextForARunningTurn:
    async def test_it_becomes_the_runs_own(self, place: Place, store: AnyStore) -> None:
        numbers = [await accepted(store, text(n, f"m{n}")) for n in range(4)]
        batch = await claimed(store, numbers[0])
        await store.inbox.retract(event(2))
        rows = await store.ledger.join(batch.run, HERE, numbers[1:3])
        assert [row.text for row in rows] == ["m1"]
        assert await waiting(store) == ["m3"]
        assert await store.inbox.edit(event(1), "uno") == "late"
        run = await store.runs.get(batch.run)
        assert run is not None
        assert (run.messages, run.prompt) == ((numbers[0], numbers[1]), "m0\n\nm1")
        await store.ledger.finish(batch, Outcome(RunState.SUCCEEDED))
        assert (await store.books()).texts == {"answered": 2, "retracted": 1, "waiting": 1}

    async def test_what_nobody_heard_waits_again(self, store: AnyStore) -> None:
        numbers = [await accepted(store, text(n, f"m{n}")) for n in range(3)]
        batch = await claimed(store, numbers[0])
        await store.ledger.join(batch.run, HERE, numbers[1:])
        assert await store.ledger.give_back(batch.run, numbers[1:]) == 2
        assert await store.ledger.give_back(batch.run, numbers[1:]) == 0
        assert await waiting(store) == ["m1", "m2"]
        run = await store.runs.get(batch.run)
        assert run is not None
        assert (run.messages, run.prompt) == ((numbers[0],), "m0")
        await store.ledger.finish(batch, Outcome(RunState.SUCCEEDED))
        assert [row.text for row in (await claimed(store, *numbers)).rows] == ["m1", "m2"]

    async def test_rows_of_another_session_stay_where_they_are(self, store: AnyStore) -> None:
        batch = await claimed(store, await accepted(store, text(1)))
        other = await accepted(store, text(2, session=THERE))
        assert await store.ledger.join(batch.run, HERE, [other]) == ()

    async def test_only_the_runs_own_rows_are_given_back(self, store: AnyStore) -> None:
        first, second = [await claimed(store, await accepted(store, text(n))) for n in range(2)]
        assert await store.ledger.give_back(first.run, [second.rows[0].id]) == 0
        assert (await store.books()).texts == {"claimed": 2}

    async def test_nothing_joins_or_leaves_a_run_that_has_ended_or_never_was(self, store: AnyStore) -> None:
        numbers = [await accepted(store, text(n)) for n in range(2)]
        batch = await claimed(store, numbers[0])
        await store.ledger.finish(batch, Outcome(RunState.SUCCEEDED))
        assert await store.ledger.join(batch.run, HERE, numbers) == ()
        assert await store.ledger.join(99, HERE, numbers) == ()
        assert await store.ledger.give_back(batch.run, numbers) == 0
        assert (await store.books()).texts == {"answered": 1, "waiting": 1}

    @pytest.mark.parametrize("first", ["join", "finish", "discard", "claim"])
    async def test_calls_at_the_same_instant_take_effect_in_their_order(self, store: AnyStore, first: str) -> None:
        numbers = [await accepted(store, text(n)) for n in range(2)]
        batch, more = await claimed(store, numbers[0]), numbers[1]
        calls: dict[str, Callable[[], Awaitable[Any]]] = {
            "join": lambda: store.ledger.join(batch.run, HERE, [more]),
            "finish": lambda: store.ledger.finish(batch, Outcome(RunState.STOPPED)),
            "discard": lambda: store.ledger.discard(HERE, more),
            "claim": lambda: store.ledger.claim(HERE, [more]),
        }
        order = [first, *(name for name in ("join", "discard", "claim", "finish") if name != first)]
        results = dict(zip(order, await asyncio.gather(*(calls[name]() for name in order)), strict=True))
        owner = "discard" if first == "finish" else first  # the run was over before anything could join it
        assert bool(results["join"]) == (owner == "join")
        assert results["discard"] == (owner == "discard")
        assert (results["claim"] is not None) == (owner == "claim")
        texts = (await store.books()).texts
        assert texts == ({"stopped": 1, "claimed": 1} if owner == "claim" else {"stopped": 2})

    async def test_a_crash_cuts_it_off_with_its_run(self, place: Place, store: AnyStore) -> None:
        numbers = [await accepted(store, text(n, f"m{n}")) for n in range(2)]
        batch = await claimed(store, numbers[0])
        await store.ledger.join(batch.run, HERE, numbers[1:])
        again = await place.open()
        (run,) = (await again.recover(unkilled={}, words=WORDS)).runs
        assert run.messages == tuple(numbers)
        assert (await again.books()).texts == {"interrupted": 2}


class TestOtherRuns:
    async def test_a_run_of_another_kind(self, place: Place, store: AnyStore) -> None:
        number = await store.runs.create(
            "provision", session=HERE, target=HERE, requested_by="Ada", project="harbour", prompt="new project harbour"
        )
        run = await store.runs.get(number)
        assert run is not None
        assert (run.kind, run.state, run.project, run.messages) == ("provision", RunState.QUEUED, "harbour", ())
        assert await store.runs.end(number, Outcome(RunState.SUCCEEDED, notices=(notice("Ready."),)))
        assert not await store.runs.end(number, Outcome(RunState.FAILED, notices=(notice("Failed."),)))
        assert await said(store) == ["Ready."]

    async def test_ids_count_from_one_and_go_on_after_a_restart(self, place: Place, store: AnyStore) -> None:
        def make(store: AnyStore) -> asyncio.Future[int]:
            return store.runs.create("loop", session=HERE, target=HERE, requested_by="Ada")

        assert [await make(store), await make(store)] == [1, 2]
        assert await make(await place.open()) == 3

    async def test_looking_runs_up(self, store: AnyStore) -> None:
        batches = [await claimed(store, await accepted(store, text(n))) for n in range(3)]
        await store.runs.create("provision", session=THERE, target=THERE, requested_by="Ada")
        await store.ledger.finish(batches[0], Outcome(RunState.SUCCEEDED))
        assert [run.id for run in await store.runs.last(HERE, 2)] == [3, 2]
        assert [run.id for run in await store.runs.last(limit=10)] == [4, 3, 2, 1]
        assert [(run.id, len(run.messages)) for run in await store.runs.alive()] == [(2, 1), (3, 1), (4, 0)]
        assert await store.runs.get(99) is None


class TestSums:
    async def test_what_was_spent_since_a_time_by_one_agent_or_by_all(self, place: Place, store: AnyStore) -> None:
        start = place.clock.now
        for number, agent in enumerate(("claude", "codex", "claude", "claude")):
            default = Binding(None, agent)
            batch = await claimed(store, await accepted(store, text(number, default=default)))
            place.clock.now += 10
            if number < 3:
                await store.ledger.finish(batch, Outcome(RunState.FAILED, record={"cost": 2.0**-number}))
            else:
                await store.runs.update(batch.run, cost=99.0)  # not ended: not counted yet
        assert await store.runs.spent(start) == 1.75
        assert await store.runs.spent(start + 20) == 0.75
        assert await store.runs.spent(start + 20, "claude") == 0.25
        assert await store.runs.spent(start + 31) == 0.0

    async def test_turns_of_a_conversation_since_it_last_succeeded(self, store: AnyStore) -> None:
        async def turn(number: int, state: RunState | None, agent: str = "demo", project: str | None = None) -> int:
            batch = await claimed(
                store, await accepted(store, text(number, f"m{number}", default=Binding(project, agent)))
            )
            if state is not None:
                await store.ledger.finish(batch, Outcome(state))
            return batch.run

        await turn(1, RunState.FAILED)
        await turn(2, RunState.SUCCEEDED)
        missed = [await turn(3, RunState.STOPPED), await turn(4, RunState.TIMED_OUT)]
        await turn(5, RunState.SUCCEEDED, project="harbour")
        await turn(6, RunState.FAILED, "other")
        missed += [await turn(7, RunState.FAILED), await turn(8, RunState.INTERRUPTED)]
        await store.runs.create("loop", session=HERE, target=HERE, requested_by="Ada", agent="demo")
        await turn(9, None)  # alive
        found = await store.runs.since_success(HERE, "demo", None)
        assert [(run.id, run.prompt) for run in found] == list(zip(missed, ("m3", "m4", "m7", "m8"), strict=True))
        assert [run.id for run in await store.runs.since_success(HERE, "demo", None, limit=2)] == missed[2:]
        assert await store.runs.since_success(HERE, "demo", "harbour") == []
        assert await store.runs.since_success(THERE, "demo", None) == []


class TestSchedule:
    @pytest.fixture
    async def run(self, store: AnyStore) -> int:
        return (await claimed(store, await accepted(store, text(0)))).run

    def later(self, run: int, number: int, due_at: float = 10.0, session: str = HERE) -> Scheduled:
        return Scheduled(
            run=run,
            session=session,
            transport="console",
            account="me",
            event_id=f"retry-{number}",
            sender="@ada:example.org",
            sender_name="Ada",
            text=f"m{number}",
            target=session,
            due_at=due_at,
            direct=True,
        )

    async def test_it_is_kept_over_a_restart_until_it_is_removed(self, place: Place, store: AnyStore, run: int) -> None:
        item = self.later(run, 1)
        assert await store.schedule.add(item)
        again = await place.open()
        (kept,) = await again.schedule.of(HERE)
        assert kept == replace(item, id=kept.id)
        assert kept.id
        assert await again.schedule.remove(kept.id)
        assert not await again.schedule.remove(kept.id)
        assert await again.schedule.next_due() is None

    async def test_an_event_is_scheduled_once(self, store: AnyStore, run: int) -> None:
        added = await asyncio.gather(*(store.schedule.add(self.later(run, 1, due_at=n)) for n in (5.0, 6.0)))
        assert added == [True, False]
        assert await store.schedule.add(self.later(run, 1, session=THERE))
        assert [item.due_at for item in await store.schedule.of(HERE)] == [5.0]

    async def test_what_is_due_comes_in_its_order(self, store: AnyStore, run: int) -> None:
        for number, due_at in enumerate((30.0, 10.0, 20.0, 10.0)):
            await store.schedule.add(self.later(run, number, due_at))
        assert await store.schedule.next_due() == 10.0
        assert await store.schedule.due(9.9) == []
        assert [item.text for item in await store.schedule.due(20.0)] == ["m1", "m3", "m2"]

    async def test_ids_are_never_given_to_two(self, place: Place, store: AnyStore, run: int) -> None:
        await store.schedule.add(self.later(run, 1))
        again = await place.open()
        await again.schedule.add(self.later(run, 2))
        assert len({item.id for item in await again.schedule.of(HERE)}) == 2

    async def test_a_session_or_one_of_its_runs_can_be_called_off(self, store: AnyStore, run: int) -> None:
        other = (await claimed(store, await accepted(store, text(9)))).run
        for number, (session, of) in enumerate([(HERE, run), (HERE, other), (HERE, run), (THERE, run)]):
            await store.schedule.add(self.later(of, number, session=session))
        assert await store.schedule.cancel(HERE, other) == 1
        assert await store.schedule.cancel(THERE, other) == 0
        assert await store.schedule.cancel(HERE) == 2
        assert [item.session for item in await store.schedule.due(99.0)] == [THERE]


class TestCommands:
    async def test_a_command_ends_once_with_its_reply(self, store: AnyStore) -> None:
        number = await accepted(store, command(1))
        assert await store.inbox.command_done(number, [notice("Fine.")])
        assert not await store.inbox.command_done(number, [notice("Fine.")])
        assert await said(store) == ["Fine."]
        failed = await accepted(store, command(2))
        assert await store.inbox.command_done(failed, [notice("No.")], ok=False)
        assert (await store.books()).commands == {"done": 1, "failed": 1}

    async def test_text_is_no_command(self, store: AnyStore) -> None:
        assert not await store.inbox.command_done(await accepted(store, text(1)))

    async def test_the_newest_commands_are_known_again(self, place: Place, store: AnyStore) -> None:
        for number in range(4):
            await put(store, command(number))
        await put(store, text(9))
        again = await place.open()
        assert list(await again.inbox.recent_events(limit=2)) == [event(3), event(2)]


class TestOutbox:
    async def test_first_in_first_out_for_each_target(self, store: AnyStore) -> None:
        await store.outbox.add([notice("a1", "a"), notice("b1", "b"), notice("a2", "a")])
        assert [item.text for item in await store.outbox.heads(2e6)] == ["a1", "b1"]
        first = (await store.outbox.heads(2e6))[0]
        assert await store.outbox.sending(first.id)
        assert not await store.outbox.sending(first.id)
        assert [item.text for item in await store.outbox.heads(2e6)] == ["b1"]
        assert await store.outbox.sent(first.id, "$ref")
        assert [item.text for item in await store.outbox.heads(2e6)] == ["b1", "a2"]

    async def test_a_failing_target_waits_alone(self, place: Place, store: AnyStore) -> None:
        now = place.clock.now
        await store.outbox.add([notice("a1", "a"), notice("a2", "a"), notice("b1", "b")])
        first = (await store.outbox.heads(now))[0]
        await store.outbox.sending(first.id)
        await store.outbox.retry(first.id, now + 30, "503")
        assert [item.text for item in await store.outbox.heads(now)] == ["b1"]
        assert await store.outbox.next_due() == now
        again = (await store.outbox.heads(now + 30))[0]
        assert (again.text, again.attempts, again.repeat) == ("a1", 1, False)

    async def test_an_undeliverable_row_never_blocks_the_next(self, store: AnyStore) -> None:
        await store.outbox.add([notice("a1", "a"), notice("a2", "a")])
        first = await head(store)
        await store.outbox.sending(first.id)
        await store.outbox.undeliverable(first.id, "kicked")
        assert (await head(store)).text == "a2"
        assert (await store.books()).outbox == {"pending": 1, "undeliverable": 1}

    async def test_a_key_is_said_once(self, store: AnyStore) -> None:
        await store.outbox.add([notice("one", key="k"), notice("two", key="k")])
        await store.outbox.add([notice("three", key="k"), notice("four")])
        assert await said(store) == ["one", "four"]

    async def test_an_uncertain_delivery_ends_as_a_possible_repeat(self, store: AnyStore) -> None:
        await store.outbox.add([notice("one")])
        first = await head(store)
        await store.outbox.sending(first.id)
        await store.outbox.retry(first.id, 0.0, "timed out", repeat=True)
        again = await head(store)
        assert again.repeat
        await store.outbox.sending(again.id)
        await store.outbox.sent(again.id)
        assert (await store.books()).outbox == {"possible_repeat": 1}
        assert not await store.outbox.sent(again.id)

    async def test_pruning_takes_what_was_delivered_long_ago(self, place: Place, store: AnyStore) -> None:
        await store.outbox.add([notice("old"), notice("kept")])
        first = await head(store)
        await store.outbox.sending(first.id)
        await store.outbox.sent(first.id)
        assert await store.outbox.prune(days=1) == 0
        place.clock.now += 2 * 86_400
        assert await store.outbox.prune(days=1) == 1
        assert await said(store) == ["kept"]

    async def test_a_notice_names_the_one_whose_message_it_is_the_new_text_of(self, store: AnyStore) -> None:
        await store.outbox.add([notice("?", key="q"), replace(notice("!", key="q/ended"), replaces="q")])
        assert await store.outbox.ref("q") == ""
        question = await head(store)
        assert question.replaces == ""
        await store.outbox.sending(question.id)
        await store.outbox.sent(question.id, "$ref")
        assert (await head(store)).replaces == "q"
        assert await store.outbox.ref("q") == "$ref"
        assert await store.outbox.ref("none such") == ""

    async def test_what_is_void_is_over_and_pruned(self, place: Place, store: AnyStore) -> None:
        await store.outbox.add([notice("one"), notice("two")])
        first = await head(store)
        assert await store.outbox.void(first.id, "nobody asks any more")
        assert not await store.outbox.void(first.id, "twice")
        assert (await head(store)).text == "two"
        assert (await store.books()).outbox == {"pending": 1, "void": 1}
        place.clock.now += 2 * 86_400
        assert await store.outbox.prune(days=1) == 1

    async def test_nothing_is_due_in_an_empty_outbox(self, store: AnyStore) -> None:
        assert await store.outbox.next_due() is None
        assert list(await store.outbox.heads(2e6)) == []


class TestSessions:
    async def test_a_conversation_is_kept_per_session_agent_and_project(self, place: Place, store: AnyStore) -> None:
        sessions = store.sessions
        await sessions.keep_native(HERE, "demo", None, Conversation("n1"))
        await sessions.keep_native(HERE, "demo", "harbour", Conversation("n2", spent=0.5))
        await sessions.keep_native(HERE, "demo", "harbour", Conversation("n3", spent=0.75))
        again = (await place.open()).sessions
        assert await again.native(HERE, "demo", None) == Conversation("n1")
        assert await again.native(HERE, "demo", "harbour") == Conversation("n3", spent=0.75)
        assert await again.native(THERE, "demo", None) is None
        assert await again.forget_native(HERE) == 2
        assert await again.native(HERE, "demo", None) is None


class TestFence:
    async def test_an_older_process_writes_nothing_more(self, place: Place, store: AnyStore) -> None:
        batch = await claimed(store, await accepted(store, text(1)))
        other = await accepted(store, text(2))
        newer = await place.open()
        results = await asyncio.gather(
            put(store, text(3)),
            store.ledger.claim(HERE, [other]),
            store.ledger.join(batch.run, HERE, [other]),
            store.ledger.give_back(batch.run, [batch.rows[0].id]),
            store.ledger.finish(batch, Outcome(RunState.SUCCEEDED)),
            store.ledger.discard(HERE, other),
            store.schedule.cancel(HERE),
            store.outbox.add([notice("hello")]),
            return_exceptions=True,
        )
        for result in results:
            assert isinstance(result, Fenced)
        assert newer.incarnation == store.incarnation + 1
        assert (await newer.books()).texts == {"claimed": 1, "waiting": 1}
        assert await said(newer) == []


class TestRecovery:
    async def test_waiting_rows_go_on_as_if_nothing_had_happened(self, place: Place, store: AnyStore) -> None:
        await accepted(store, text(1, "still here"))
        again = await place.open()
        cut = await again.recover(unkilled={}, words=WORDS)
        assert (cut.runs, cut.commands, cut.discarded) == ((), (), 0)
        assert await waiting(again) == ["still here"]

    async def test_a_cut_off_run_is_told_in_its_chat(self, place: Place, store: AnyStore) -> None:
        batch = await claimed(store, await accepted(store, text(1)))
        await store.runs.update(batch.run, state=RunState.RUNNING)
        again = await place.open()
        (run,) = (await again.recover(unkilled={}, words=WORDS)).runs
        assert (run.id, run.state, run.ended_at) == (batch.run, RunState.INTERRUPTED, place.clock.now)
        assert await again.runs.get(batch.run) == run
        assert await said(again) == [f"Run {batch.run} was cut off (interrupted)."]
        books = await again.books()
        assert (books.texts, books.runs) == ({"interrupted": 1}, {"interrupted": 1})

    async def test_a_run_whose_leftovers_would_not_die(self, place: Place, store: AnyStore) -> None:
        batch = await claimed(store, await accepted(store, text(1)))
        again = await place.open()
        (run,) = (await again.recover(unkilled={batch.run: {"survivors": [7]}}, words=WORDS)).runs
        assert (run.state, run.kill_report) == (RunState.FAILED_TO_KILL, {"survivors": [7]})
        assert [left.id for left in await again.runs.failed_to_kill()] == [batch.run]

    async def test_questions_of_a_cut_off_run_end_with_it(self, place: Place, store: AnyStore) -> None:
        batch = await claimed(store, await accepted(store, text(1)))
        other = await claimed(store, await accepted(store, text(2, session=THERE)), session=THERE)
        asked = [Notice(HERE, f"{number}?", "permission", f"q{number}") for number in range(4)]
        await store.outbox.add(asked[:3], run=batch.run)
        await store.outbox.add(asked[3:], run=other.run)
        ending = Notice(HERE, "allowed", "permission", ending_of("q0"), replaces="q0")
        await store.outbox.add([ending], run=batch.run)  # answered before the bot ended
        await store.ledger.finish(other, Outcome(RunState.SUCCEEDED))
        again = await place.open()
        await again.recover(unkilled={}, words=WORDS)
        told = ["0?", "1?", "2?", "3?", "allowed", "1? is over", "2? is over"]
        assert await said(again) == [*told, f"Run {batch.run} was cut off (interrupted)."]
        await (await place.open()).recover(unkilled={}, words=WORDS)

    async def test_a_stop_that_was_accepted_is_finished_first(self, place: Place, store: AnyStore) -> None:
        await asyncio.gather(
            put(store, text(1, "before")),
            put(store, text(2, "elsewhere", session=THERE)),
            put(store, command(3, "stop")),
            put(store, text(4, "after")),
        )
        again = await place.open()
        assert (await again.recover(unkilled={}, words=WORDS)).discarded == 1
        assert await waiting(again) == ["after"]
        assert await waiting(again, THERE) == ["elsewhere"]
        assert await said(again) == ["`stop`: 1 discarded."]
        books = await again.books()
        assert (books.texts, books.commands) == ({"stopped": 1, "waiting": 2}, {"done": 1})

    async def test_stop_all_and_stop_of_a_run(self, place: Place, store: AnyStore) -> None:
        await asyncio.gather(
            put(store, text(1)),
            put(store, command(2, "stop 7")),
            put(store, text(3, session=THERE)),
            put(store, command(4, "stop all")),
            put(store, text(5, "after")),
        )
        again = await place.open()
        assert (await again.recover(unkilled={}, words=WORDS)).discarded == 2
        assert await said(again) == ["`stop 7`: 0 discarded.", "`stop all`: 2 discarded."]
        assert await waiting(again) == ["after"]

    async def test_another_command_is_reported_and_not_repeated(self, place: Place, store: AnyStore) -> None:
        done = await accepted(store, command(1, "status"))
        await store.inbox.command_done(done)
        await put(store, command(2, "new project harbour"))
        again = await place.open()
        assert (await again.recover(unkilled={}, words=WORDS)).commands == ("new project harbour",)
        assert await said(again) == ["`new project harbour` was cut off."]
        assert (await again.books()).commands == {"done": 1, "interrupted": 1}

    async def test_what_was_being_sent_is_sent_again_and_labelled(self, place: Place, store: AnyStore) -> None:
        await store.outbox.add([notice("half sent")])
        await store.outbox.sending((await head(store)).id)
        again = await place.open()
        assert list(await again.outbox.heads(2e6)) == []
        await again.recover(unkilled={}, words=WORDS)
        assert (await head(again)).repeat
        await said(again)
        assert (await again.books()).outbox == {"possible_repeat": 1}

    async def test_a_second_recovery_finds_nothing(self, place: Place, store: AnyStore) -> None:
        await claimed(store, await accepted(store, text(1)))
        again = await place.open()
        await again.recover(unkilled={}, words=WORDS)
        cut = await again.recover(unkilled={}, words=WORDS)
        assert (cut.runs, cut.commands, cut.discarded) == ((), (), 0)


class TestBooks:
    async def test_every_message_is_in_exactly_one_state(self, store: AnyStore) -> None:
        numbers = [await accepted(store, text(n)) for n in range(4)]
        await accepted(store, command(9))
        await store.inbox.refuse(text(10), "too long", None)
        await store.ledger.discard(HERE, numbers[0])
        await store.ledger.finish(await claimed(store, numbers[1]), Outcome(RunState.SUCCEEDED))
        await claimed(store, numbers[2])
        books = await store.books()
        assert books.texts == {"stopped": 1, "answered": 1, "claimed": 1, "waiting": 1, "refused": 1}
        assert books.commands == {"accepted": 1}
        assert sum(books.texts.values()) + sum(books.commands.values()) == books.accepted == 6


class TestCancelledCallers:
    async def test_a_write_happens_although_nobody_waits_for_it(self, store: AnyStore) -> None:
        future = put(store, text(1))
        future.cancel()
        task = asyncio.ensure_future(store.ledger.discard(THERE, 99))
        await asyncio.sleep(0)
        task.cancel()
        assert isinstance(await put(store, text(1)), Duplicate)


# ---------------------------------------------------------------- projects


def project(name: str, number: int, **fields: Any) -> Project:
    plain = Project(
        id=number,
        name=name,
        state=ProjectState.RESERVED,
        source=Path("/srv") / name,
        port=0,
        resources=Resources(2.0, 4 << 30),
        owner=Owner(1000, 1000),
        session=HERE,
        target=HERE,
        created_by="Ann",
        created_at=1.0,
        used_at=1.0,
    )
    return replace(plain, **fields)


async def test_a_project_is_reserved_with_a_port_of_its_own(store: AnyStore) -> None:
    first = await store.projects.reserve(project("one", 2**45 + 1), (20_000, 20_001))
    second = await store.projects.reserve(project("two", 2), (20_000, 20_001))
    assert (first.port, second.port) == (20_000, 20_001)
    assert await store.projects.all() == [first, second]
    with pytest.raises(NameTaken, match="one"):
        await store.projects.reserve(project("one", 3), (20_002,))
    with pytest.raises(PortsExhausted):
        await store.projects.reserve(project("three", 3), (20_000,))
    assert await store.projects.get("three") is None


async def test_two_reservations_of_one_name_at_once_and_one_gets_it(store: AnyStore) -> None:
    both = (store.projects.reserve(project("same", number), (20_000, 20_001)) for number in (1, 2))
    results = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["NameTaken", "Project"]


async def test_a_project_is_changed_and_keeps_its_port(store: AnyStore) -> None:
    kept = await store.projects.reserve(project("one", 1, asked_for=("rust",)), (20_000,))
    await store.projects.reserve(project("two", 2), (20_001,))
    ready = replace(
        kept, state=ProjectState.READY, stacks=("rust", "node"), image="tugbot/project:1", expires_at=2.5, port=7
    )
    await store.projects.change(ready)
    assert await store.projects.get("one") == replace(ready, port=20_000)
    stale = replace(kept, used_at=9.0, resources=Resources(1.0, 1 << 30), image="stale", name="two")
    await store.projects.change(stale, ("used_at", "resources"))
    assert await store.projects.get("one") == replace(
        ready, port=20_000, used_at=9.0, resources=Resources(1.0, 1 << 30)
    )
    await store.projects.change(project("gone", 99))
    assert [each.name for each in await store.projects.all()] == ["one", "two"]


async def test_a_removed_project_unbinds_its_sessions(store: AnyStore) -> None:
    await store.projects.reserve(project("one", 1), (20_000,))
    await put(store, command(1, "use one", project="one"))
    await put(store, command(2, "use two", THERE, project="two"))
    await store.projects.remove(1)
    assert await store.projects.all() == []
    assert await store.sessions.settings(HERE) == SessionSettings()
    assert await store.sessions.settings(THERE) == SessionSettings(project="two")


async def test_a_session_is_bound_otherwise_only_if_nobody_did_so_meanwhile(store: AnyStore) -> None:
    await put(store, command(1, "new project one", project="one"))
    assert await store.sessions.rebind(HERE, "one", None)
    assert not await store.sessions.rebind(HERE, "one", "two")
    assert not await store.sessions.rebind(THERE, "one", "two")
    assert await store.sessions.settings(HERE) == SessionSettings()


async def test_a_room_that_nobody_spoke_in_can_be_bound(store: AnyStore) -> None:
    await store.sessions.begin(HERE, "one")
    await put(store, text(1))
    assert (await store.ledger.queue(HERE, above=0, limit=9)).rows[0].binding.project == "one"
    await put(store, command(2, mode="steer"))
    await store.sessions.begin(HERE, "two", "demo")
    assert await store.sessions.settings(HERE) == SessionSettings(project="two", agent="demo", mode="steer")


async def test_where_people_wrote_to_the_bot_alone_the_last_time(store: AnyStore) -> None:
    ada, bob = text(1), replace(text(5), sender="@bob:example.org")
    await put(store, text(1, session=THERE))
    assert await store.inbox.direct_targets() == {}
    for message in (text(2, session=THERE), text(3), bob):
        await put(store, replace(message, direct=True))
    await put(store, text(4, session=THERE))
    name = ada.event.transport
    assert await store.inbox.direct_targets() == {(name, ada.sender): HERE, (name, bob.sender): HERE}
