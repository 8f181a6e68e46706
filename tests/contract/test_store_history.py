"""Pages of what there was: the twin, SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.store.records import RunsWanted
from dispatcher.model import Notice, Outcome, Receipt, RunState, State
from tests.contract.store_places import AnyStore, Place, command, memory_place, sql_place, text
from tests.contract.store_templates import empty_database, postgres_shared, postgres_template, sqlite_template
from tests.postgres import postgres

__all__ = ["postgres", "postgres_shared", "postgres_template", "sqlite_template"]  # fixtures

HERE, THERE, BOUND = "console/local", "matrix/!room", "slack/T/C"


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.integration)])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    place = memory_place() if request.param == "memory" else sql_place(*empty_database(request, tmp_path))
    yield place
    await place.close()


@pytest.fixture
async def store(place: Place) -> AnyStore:
    """Three conversations, the first of which was heard last; one is about a project."""
    store = await place.open()
    for number, (session, binds) in enumerate(((BOUND, {"project": "harbour"}), (THERE, {}), (HERE, {}))):
        place.clock.now += 10
        await put(store, command(f"c{number}", "status", session, **binds))
    await put(store, text(1, "one", HERE))
    await put(store, text(2, "two", BOUND))  # in the same instant: then by their keys
    return store


def put(store: AnyStore, message: object) -> asyncio.Future[Receipt]:
    return store.inbox.put(message, max_waiting=200, refusal=None)  # type: ignore[arg-type]


class TestSessions:
    async def test_the_latest_heard_first(self, store: AnyStore) -> None:
        assert [each.session for each in await store.history.sessions(limit=10)] == [HERE, BOUND, THERE]
        assert [each.session for each in await store.history.sessions(limit=1)] == [HERE]

    async def test_page_after_page(self, store: AnyStore) -> None:
        assert [each.session for each in await store.history.sessions(limit=10, after=HERE)] == [BOUND, THERE]
        assert [each.session for each in await store.history.sessions(limit=1, after=HERE)] == [BOUND]
        assert await store.history.sessions(limit=10, after=THERE) == []
        assert await store.history.sessions(limit=10, after="console/gone") == []

    async def test_those_about_a_project(self, store: AnyStore) -> None:
        assert [each.session for each in await store.history.sessions(limit=10, bound=True)] == [BOUND]
        assert [each.session for each in await store.history.sessions(limit=1, after=HERE, bound=True)] == [BOUND]

    async def test_ones_own_beside_them(self, place: Place, store: AnyStore) -> None:
        """Those below it too, and none that is only written alike."""
        for number, name in enumerate(("web/api:ci", "web/api:ci/x", "web/api:cix", "web/api:CI/x", "web/api:ci_/x")):
            place.clock.now += 1
            binds = {"project": "harbour"} if name == "web/api:CI/x" else {}
            await put(store, command(f"o{number}", "status", name, **binds))

        async def found(**wanted: object) -> list[str]:
            return [each.session for each in await store.history.sessions(limit=9, bound=True, **wanted)]  # type: ignore[arg-type]

        assert await found(own="web/api:ci") == ["web/api:ci/x", "web/api:ci", BOUND]
        assert await found(own="web/api:ci", after="web/api:ci/x") == ["web/api:ci", BOUND]
        assert await found(own="web/api:c_") == [BOUND]  # one is about a project, and still somebody else's alone
        assert await found(own="web/api:CI") == ["web/api:CI/x", BOUND]
        assert await found() == ["web/api:CI/x", BOUND]
        assert len(await store.history.sessions(limit=9, own="web/api:ci")) == 8

    async def test_what_waits_and_works_in_one(self, place: Place, store: AnyStore) -> None:
        found = await store.history.session(BOUND)
        assert found is not None
        assert (found.settings.project, found.last_seen, found.waiting, found.alive) == (
            "harbour",
            place.clock.now,
            1,
            (),
        )
        run = await store.runs.create("rebuild", session=BOUND, target=BOUND, requested_by="Ada")
        found = await store.history.session(BOUND)
        assert found is not None
        assert found.alive == (run,)
        await store.runs.end(run, Outcome(RunState.SUCCEEDED))
        assert [each.alive for each in await store.history.sessions(limit=9)] == [(), (), ()]
        assert await store.history.session("console/gone") is None

    async def test_one_that_the_bot_began(self, store: AnyStore) -> None:
        await store.sessions.begin("matrix/!made", "harbour")
        found = await store.history.session("matrix/!made")
        assert found is not None
        assert found.settings.project == "harbour"
        assert await store.history.target("matrix/!made") is None


class TestMessages:
    async def test_newest_first_and_page_after_page(self, store: AnyStore) -> None:
        for number in range(5):
            await put(store, text(f"m{number}", f"m{number}", THERE))
        newest = await store.history.messages(THERE, limit=2)
        assert [each.text for each in newest] == ["m4", "m3"]
        assert [each.text for each in await store.history.messages(THERE, limit=9, before=newest[-1].id)] == [
            "m2",
            "m1",
            "m0",
            "status",
        ]
        assert await store.history.messages("console/gone", limit=9) == []

    async def test_all_that_is_known_of_one(self, place: Place, store: AnyStore) -> None:
        (said, *_) = await store.history.messages(BOUND, limit=1)
        assert (said.session, said.event_id, said.transport, said.sender_name) == (BOUND, "2", "console", "Ada")
        assert (said.kind, said.state, said.project, said.run) == ("text", State.WAITING, "harbour", None)
        assert (said.accepted_at, said.attachments, said.reply) == (place.clock.now, 0, "")
        assert (said.account, said.sender) == ("me", "@ada:example.org")
        assert await store.history.message(said.id) == said
        assert await store.history.message(said.id + 1) is None

    async def test_what_a_command_was_answered(self, store: AnyStore) -> None:
        number = (await store.history.messages(THERE, limit=1))[0].id
        await store.inbox.command_done(number, [Notice(THERE, "Nothing runs.", "receipt", f"command/{number}")])
        (said,) = await store.history.messages(THERE, limit=1)
        assert (said.state, said.reply) == (State.DONE, "Nothing runs.")
        assert await store.history.message(number) == said

    async def test_where_a_session_is_answered(self, store: AnyStore) -> None:
        assert await store.history.target(THERE) == THERE
        assert await store.history.target("console/gone") is None


async def test_runs_by_what_is_wanted(store: AnyStore) -> None:
    for session, project in ((HERE, None), (HERE, "harbour"), (BOUND, "harbour"), (BOUND, "toy")):
        await store.runs.create("rebuild", session=session, target=session, requested_by="Ada", project=project)
    await store.runs.end(3, Outcome(RunState.FAILED))

    async def found(**wanted: object) -> list[int]:
        return [run.id for run in await store.history.runs(RunsWanted(**{"limit": 9, **wanted}))]  # type: ignore[arg-type]

    assert await found() == [4, 3, 2, 1]
    assert await found(limit=2) == [4, 3]
    assert await found(before=3) == [2, 1]
    assert await found(session=HERE) == [2, 1]
    assert await found(project="harbour") == [3, 2]
    assert await found(project="harbour", session=BOUND) == [3]
    assert await found(state=RunState.FAILED) == [3]
    assert await found(bound=True) == [4, 3, 2]
    assert await found(bound=True, before=4, limit=1) == [3]


class TestDays:
    async def run(self, place: Place, store: AnyStore, at: float, state: RunState, **columns: object) -> None:
        """One that is asked for at that moment, starts 10 s later and ends 5 s after that."""
        place.clock.now = at
        project = columns.pop("project", None)
        run = await store.runs.create("rebuild", session=HERE, target=HERE, requested_by="Ada", project=project)  # type: ignore[arg-type]
        started_at = at + 10 if columns.pop("starts", True) else None
        await store.runs.update(run, started_at=started_at, **columns)
        place.clock.now = at + 15
        await store.runs.end(run, Outcome(state))

    async def test_sums_by_the_day_that_runs_ended_on(self, place: Place, store: AnyStore) -> None:
        day = 20_000
        midnight = day * 86_400.0
        money = {"cost": 0.25, "tokens_in": 3_000_000_000, "tokens_out": 7}
        await self.run(place, store, midnight - 16, RunState.SUCCEEDED, project="harbour", **money)
        await self.run(place, store, midnight - 15, RunState.SUCCEEDED, project="harbour", **money)  # ends at midnight
        await self.run(place, store, midnight + 100, RunState.STOPPED, starts=False)
        await self.run(place, store, midnight + 86_384.75, RunState.FAILED, project="toy", **money)  # just before it
        await self.run(place, store, midnight + 2 * 86_400 + 43_200, RunState.INTERRUPTED)
        await store.runs.create("rebuild", session=HERE, target=HERE, requested_by="Ada")  # has not ended

        found = await store.history.days(day - 5)
        assert [(each.day - day, each.runs, each.succeeded, each.stopped) for each in found] == [
            (-1, 1, 1, 0),
            (0, 3, 1, 1),
            (2, 1, 0, 0),
        ]
        assert (found[1].waited, found[1].ran) == (10 + 15 + 10, 5 + 0 + 5)
        assert (found[1].cost, found[1].tokens_in, found[1].tokens_out) == (0.5, 6_000_000_000, 14)
        assert [each.day - day for each in await store.history.days(day)] == [0, 2]
        seen = await store.history.days(day, bound=True)
        assert [(each.day - day, each.runs, each.stopped) for each in seen] == [(0, 2, 0)]
        assert await store.history.days(day + 3) == []
