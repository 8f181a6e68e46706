"""Each step of a run is one line and one count."""

import asyncio
import logging
from dataclasses import asdict
from typing import Any, cast

import pytest

from bot.agents.base import KillReport
from bot.journal import Book, Journal, Journalled
from bot.timings import Tally, Timings
from dispatcher.model import Batch, Binding, Event, Outcome, Row, RunState


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Disk:
    """Answers what it was told to."""

    def __init__(self) -> None:
        self.answer: Any = True

    def _done(self, value: Any) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if isinstance(value, Exception):
            future.set_exception(value)
        else:
            future.set_result(value)
        return future

    def create(self, kind: str, **_: object) -> asyncio.Future[int]:
        return self._done(5)

    def update(self, run: int, **_: object) -> asyncio.Future[bool]:
        return self._done(self.answer)

    def end(self, run: int, outcome: Outcome) -> asyncio.Future[bool]:
        return self._done(self.answer)


BATCH = Batch(
    8, (Row(1, Event("matrix/!r:x", "matrix", "me", "$1"), "@a:x", "a", "hi", "t", Binding("harbour", "demo")),)
)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "bot.runs"]


@pytest.fixture(autouse=True)
def _heard(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "bot.runs")


def test_an_agents_turn(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    journal = Journal(Timings().provision, clock=clock)
    journal.claimed(BATCH)
    journal.started(8)
    journal.started(8)
    clock.now = 48.25
    record = {"cost": 0.061, "kill_report": asdict(KillReport(5, 0.1, True))}
    outcome = Outcome(RunState.STOPPED, "stop", record=record)
    journal.ended(8, outcome)
    journal.ended(8, outcome)
    assert lines(caplog) == [
        "run 8 queued: agent demo in harbour, matrix/!r:x",
        "run 8 started: agent demo in harbour, matrix/!r:x",
        "run 8 ended: stopped after 48.2 s, $0.06, 5 processes killed",
    ]
    last = cast("Any", caplog.records[-1])
    assert (last.run, last.event, last.state, last.seconds, last.cost, last.processes) == (
        8, "ended", "stopped", 48.25, 0.061, 5,
    )  # fmt: skip
    assert (last.session, last.transport, last.project) == ("matrix/!r:x", "matrix", "harbour")
    assert journal.ended_by == {("agent", "stopped"): 1}


async def test_work_that_is_no_turn(caplog: pytest.LogCaptureFixture) -> None:
    clock, tally, disk = Clock(), Timings().provision, Disk()
    book = Journalled(cast("Book", disk), Journal(tally, clock=clock), clock)
    run = await book.create("provision", session="console/local", target="t", requested_by="me", project="harbour")
    await book.update(run, model="x")
    await book.update(run, state=RunState.RUNNING)
    clock.now = 2.0
    disk.answer = OSError("full")
    with pytest.raises(OSError, match="full"):
        await book.end(run, Outcome(RunState.SUCCEEDED))
    disk.answer = True
    await book.end(run, Outcome(RunState.SUCCEEDED))
    disk.answer = False
    await book.end(run, Outcome(RunState.SUCCEEDED))
    await asyncio.sleep(0)
    assert [line.split(":")[0] for line in lines(caplog)] == ["run 5 queued", "run 5 started", "run 5 ended"]
    assert (tally.sum, tally.below()[-1]) == (2.0, 1)


def test_what_a_run_that_nobody_knows_does_is_not_said(caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal(Timings().provision)
    journal.started(1)
    journal.ended(1, Outcome(RunState.FAILED))
    assert lines(caplog) == []


def test_a_tally_counts_up_to_each_bound() -> None:
    tally = Tally((1.0, 2.0))
    for seconds in (0.5, 1.0, 1.5, 9.0, -1.0):
        tally.observe(seconds)
    assert (tally.below(), tally.sum) == ((3, 4, 5), 12.0)
