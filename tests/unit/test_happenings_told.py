"""Who tells of what: after the fact, once, and nothing that did not happen."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from bot.agents.base import ToolCall
from bot.happenings import Happening
from bot.happenings.heard import Heard, Said
from bot.happenings.model import (
    MessageAccepted,
    MessageEdited,
    MessageRefused,
    MessageRetracted,
    MessagesAnswered,
    MessagesDiscarded,
    ProjectChanged,
    ProjectStep,
    RunAsked,
    RunDecided,
    RunEnded,
    RunQueued,
    RunRunning,
    RunStarted,
    RunText,
    RunTool,
    TransportFailed,
    TransportWorks,
)
from bot.happenings.witness import WitnessedLedger, WitnessedRegistry, WitnessedReply, WitnessedRuns
from bot.projects.model import ProjectState
from bot.runs.asking import Asking
from bot.runs.progress import Progress
from bot.talking import STEADY, Talking
from dispatcher.model import Accepted, Batch, Binding, Duplicate, Event, Message, Outcome, Refused, Row, RunState
from tests.transport_fake import until
from tests.turns_world import FakeReply, question
from tests.virtual_time import run as run_virtually
from transports.base import Disconnected

EVENT = Event("s", "fake", "bot", "e1")
ROW = Row(4, EVENT, "ann", "Ann", "hello", "s", Binding("harbour", "claude"))
BATCH = Batch(7, (ROW,))


class Told(list[Happening]):
    def __call__(self, happening: Happening) -> None:
        self.append(happening)


class FakeLedger:
    def __init__(self, told: Told, fails: bool = False) -> None:
        self.told = told
        self.fails = fails

    async def _commit(self) -> None:
        await asyncio.sleep(0)
        assert self.told == [], "told before it was recorded"
        if self.fails:
            raise OSError

    async def claim(self, session: str, ids: Any) -> Batch | None:
        await self._commit()
        return BATCH if ids else None

    async def finish(self, batch: Batch, outcome: Outcome) -> None:
        await self._commit()

    async def discard(self, session: str, upto: int) -> int:
        await self._commit()
        return upto


def ledger(told: Told, fails: bool = False) -> WitnessedLedger:
    return WitnessedLedger(FakeLedger(told, fails), told)  # type: ignore[arg-type]


async def test_a_claim_begins_a_run_and_none_begins_nothing() -> None:
    told = Told()
    assert await ledger(told).claim("s", []) is None
    assert told == []
    assert await ledger(told).claim("s", [4]) == BATCH
    assert told == [RunStarted(session="s", run=7, project="harbour", work="agent", agent="claude", messages=(4,))]


async def test_an_end_is_told_of_the_messages_and_of_the_run() -> None:
    told = Told()
    report = {"found": 2, "seconds": 0.1, "verified": True, "survivors": (), "method": "fake", "note": ""}
    await ledger(told).finish(BATCH, Outcome(RunState.STOPPED, "stop", record={"cost": 0.5, "kill_report": report}))
    answered, ended = told
    assert answered == MessagesAnswered(session="s", run=7, project="harbour", ids=(4,), state="stopped")
    assert isinstance(ended, RunEnded)
    assert (ended.state, ended.cost, ended.killed and ended.killed.found) == ("stopped", 0.5, 2)


async def test_what_could_not_be_recorded_is_not_told() -> None:
    told = Told()
    with pytest.raises(OSError):  # noqa: PT011, the fake's own
        await ledger(told, fails=True).finish(BATCH, Outcome(RunState.SUCCEEDED))
    assert told == []


async def test_a_stop_that_discards_nothing_is_no_news() -> None:
    told = Told()
    await ledger(told).discard("s", 0)
    assert told == []
    await ledger(told).discard("s", 3)
    assert told == [MessagesDiscarded(session="s", count=3, upto=3)]


class FakeRuns:
    def __init__(self) -> None:
        self.writes: list[asyncio.Future[Any]] = []

    def _write(self, *_: object, **__: object) -> asyncio.Future[Any]:
        self.writes.append(asyncio.get_running_loop().create_future())
        return self.writes[-1]

    create = update = end = _write


async def test_a_chore_is_told_when_it_is_on_disk() -> None:
    told, runs = Told(), FakeRuns()
    book = WitnessedRuns(runs, told)  # type: ignore[arg-type]
    book.create("provision", session="s", target="s", requested_by="ann", project="harbour", prompt="new project")
    book.update(7, state=RunState.RUNNING)
    book.update(7, model="m")
    book.end(7, Outcome(RunState.SUCCEEDED))
    book.end(7, Outcome(RunState.SUCCEEDED))
    await asyncio.sleep(0)
    assert told == []
    for write, result in zip(runs.writes, (7, True, True, True, False), strict=True):
        write.set_result(result)
    await asyncio.sleep(0)
    assert [type(each) for each in told] == [RunStarted, RunRunning, RunEnded]
    assert told[0] == RunStarted(session="s", run=7, project="harbour", work="provision", title="new project")


async def test_nothing_is_told_of_a_reply_that_was_muted() -> None:
    told, inner = Told(), FakeReply()
    reply = WitnessedReply(inner, 7, told)  # type: ignore[arg-type]
    reply.text("one")
    reply.tool(ToolCall("c", "cargo test", "execute", "completed"))
    reply.mute()
    reply.text("two")
    assert reply.answer is inner.answer
    assert inner.answer == ["one", "two"]
    assert told == [
        RunText(run=7, text="one"),
        RunTool(run=7, call="c", title="cargo test", tool="execute", status="completed"),
    ]


def test_messages() -> None:
    told = Told()
    heard = Heard(told)
    said = Said(EVENT, "ann", "Ann", "hello", ("/data/files/web/1f/2e/plan.txt",))
    heard.queued("s", 1, "")
    heard.received(said, Duplicate(4))
    heard.received(said, Accepted(4, "harbour"))
    heard.queued("s", 2, "run 3")
    heard.changed(EVENT, "hello!")
    heard.changed(EVENT, None)
    heard.changed(replace(EVENT, event_id="of an earlier start"), None)
    heard.received(said, Refused(5, "too long"))
    heard.answered("s", Accepted(6), "1 run", ok=False)
    assert told == [
        RunQueued(session="s", place=1),
        MessageAccepted(
            session="s",
            project="harbour",
            id=4,
            event_id="e1",
            sender="ann",
            sender_name="Ann",
            text="hello",
            command=False,
            attachments=("plan.txt",),
        ),
        RunQueued(session="s", project="harbour", place=2, ahead="run 3"),
        MessageEdited(session="s", project="harbour", id=4, event_id="e1", text="hello!"),
        MessageRetracted(session="s", project="harbour", id=4, event_id="e1"),
        MessageRetracted(session="s", id=None, event_id="of an earlier start"),
        MessageRefused(session="s", id=5, event_id="e1", reason="too long"),
        MessagesAnswered(session="s", ids=(6,), state="failed", text="1 run"),
    ]


def test_a_message_that_retry_says_once_more_is_one_like_any_other() -> None:
    told = Told()
    again = Message(Event("s", "matrix", "me", "retry/7"), "@ann", "Ann", "mend it", "matrix/!r", default=Binding())
    heard = Heard(told.append)
    heard.repeated(again, Accepted(8, "harbour"))
    heard.repeated(again, Duplicate(8))
    assert told == [
        MessageAccepted(
            session="s",
            project="harbour",
            id=8,
            event_id="retry/7",
            sender="@ann",
            sender_name="Ann",
            text="mend it",
            command=False,
        )
    ]


async def test_a_question_is_told_when_it_is_shown_and_its_end_when_that_is() -> None:
    told, shown = Told(), []

    async def show(notice: Any, run: int) -> None:
        await asyncio.sleep(0)
        shown.append((notice.key, [type(each) for each in told]))

    asking = Asking(show, 60.0, told)
    asked = asyncio.create_task(asking.ask(BATCH, "claude", "container", question()))  # type: ignore[arg-type]
    await until(lambda: len(told) == 1)
    asking.answer("s", "deny", "not now", "Ann", lambda _: True)
    await asked
    over = asyncio.create_task(asking.ask(BATCH, "claude", "container", question()))  # type: ignore[arg-type]
    await until(lambda: len(told) == 3)
    over.cancel()
    await asyncio.wait({over})
    assert [seen for _, seen in shown] == [[], [RunAsked], [RunAsked, RunDecided], [RunAsked, RunDecided, RunAsked]]
    first, decided, _, ended = told
    assert isinstance(first, RunAsked)
    assert (first.project, first.always, first.input) == ("harbour", True, "cargo test")
    assert isinstance(decided, RunDecided)
    assert (decided.question, decided.decision, decided.by, decided.why) == (first.question, "deny", "Ann", "not now")
    assert isinstance(ended, RunDecided)
    assert ended.decision == "over"


def test_steps() -> None:
    steps: list[tuple[str, str, str]] = []

    class Shows:
        def line(self, text: str, key: str, ended: bool) -> None: ...

    progress = Progress(Shows(), lambda *step: steps.append(step))  # type: ignore[arg-type]
    progress.begin("cloning")
    progress.done("cloned main")
    progress.begin("image")
    progress.begin("undoing")
    progress.close()
    assert steps == [
        ("cloning", "begun", ""),
        ("cloning", "done", "cloned main"),
        ("image", "begun", ""),
        ("image", "failed", ""),
        ("undoing", "begun", ""),
        ("undoing", "failed", ""),
    ]
    assert ProjectStep.kind == "project.step"


async def test_a_project_is_told_when_its_state_changes_and_when_it_is_gone(made: Any) -> None:
    told = Told()

    class Inner:
        async def reserve(self, project: Any, ports: Any) -> Any:
            return project

        async def change(self, project: Any, fields: Any = ()) -> None: ...

        async def remove(self, project: int) -> None: ...

    registry = WitnessedRegistry(Inner(), told)  # type: ignore[arg-type]
    project = await registry.reserve(made, (1,))
    await registry.change(project)
    ready = replace(project, state=ProjectState.READY)
    await registry.change(ready, ("state",))
    await registry.change(replace(ready, used_at=2.0), ("used_at",))
    await registry.change(replace(ready, seen="stopped"), ("seen",))
    await registry.remove(project.id)
    await registry.remove(99)
    assert [(each.state, each.container) for each in told if isinstance(each, ProjectChanged)] == [
        ("reserved", ""),
        ("ready", ""),
        ("ready", "stopped"),
        ("removed", ""),
    ]


@pytest.fixture
def made() -> Any:
    from pathlib import Path

    from bot.projects.model import Owner, Project, Resources

    return Project(
        id=5,
        name="harbour",
        state=ProjectState.RESERVED,
        source=Path("/nowhere"),
        port=1,
        resources=Resources(1.0, 1),
        owner=Owner(1, 1),
        session="s",
        target="s",
        created_by="ann",
        created_at=0.0,
        used_at=0.0,
    )


def test_a_transport_fails_once_and_works_again() -> None:
    told = Told()

    class Shaky:
        name = "fake"
        attempts = 0

        async def run(self, receiver: Any) -> None:
            self.attempts += 1
            if self.attempts < 3:
                raise Disconnected("gone")
            await asyncio.sleep(2 * STEADY)

    async def main() -> None:
        await Talking(lambda name, text: None, happened=told).run(Shaky(), None)  # type: ignore[arg-type]

    run_virtually(main())
    assert told == [TransportFailed(transport="fake", reason="gone", lasting=False), TransportWorks(transport="fake")]
