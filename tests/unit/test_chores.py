"""Chores: seen, stopped once, undone in peace, and always recorded. On virtual time, with a book in memory."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from bot.errors import UserError
from bot.runs import words
from bot.runs.chores import AT_ONCE, STOP_PATIENCE, UNDONE, Chores, Job, ProjectBusy
from bot.runs.progress import NEWS, Progress
from dispatcher.model import Notice, Outcome, RunState, Stopped, StoreUnavailable
from tests.virtual_time import run

SESSION, TARGET = "console/local", "console/local"


class FakeBook:
    def __init__(self) -> None:
        self.asked: list[dict[str, str | None]] = []
        self.updated: list[tuple[int, dict[str, object]]] = []
        self.ended: dict[int, Outcome] = {}
        self.full = 0  # how many more writes fail

    def _write(self) -> None:
        if self.full:
            self.full -= 1
            raise StoreUnavailable("disk full")

    async def create(
        self, kind: str, *, session: str, target: str, requested_by: str, project: str | None, prompt: str
    ) -> int:
        self._write()
        self.asked.append({"kind": kind, "session": session, "project": project, "prompt": prompt})
        return len(self.asked)

    async def update(self, run: int, **columns: object) -> bool:
        self.updated.append((run, columns))
        return True

    async def end(self, run: int, outcome: Outcome) -> bool:
        self._write()
        assert run not in self.ended, "a run ends once"
        self.ended[run] = outcome
        return True


@dataclass
class FakeShows:
    header: str
    lines: list[tuple[str, bool]] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    finished: list[tuple[str, str]] = field(default_factory=list)
    seconds: float = 0.0  # that finishing takes

    def line(self, text: str, key: str, ended: bool) -> None:
        assert key == "progress"
        self.lines.append((text, ended))

    def notice(self, text: str) -> None:
        self.notices.append(text)

    def text(self, delta: str) -> None:
        self.texts.append(delta)

    async def finish(self, footer: str = "", trouble: str = "") -> tuple[Notice, ...]:
        self.finished.append((footer, trouble))
        await asyncio.sleep(self.seconds)
        return (Notice(TARGET, trouble or footer),) if trouble or footer else ()


class World:
    def __init__(self, group: asyncio.TaskGroup) -> None:
        self.book = FakeBook()
        self.shown: dict[int, FakeShows] = {}
        self.finishing = 0.0
        self.balance: Counter[str] = Counter()
        self.why: dict[str, str] = {}
        self.at_work: set[int] = set()
        self.announced = self.failed = 0
        self.over: list[bool] = []
        self.chores = Chores(
            self.book,
            self.show,
            group,
            hold=lambda session: self.count(f"hold {session}", 1),
            release=lambda session: self.count(f"hold {session}", -1),
            occupy=self.occupy,
            vacate=lambda place: self.count(f"occupy {place}", -1),
            announced=self.announce,
            failed=self.fail,
            working=self.work,
        )

    def show(self, run: int, target: str, header: str) -> FakeShows:
        self.shown[run] = FakeShows(header, seconds=self.finishing)
        return self.shown[run]

    def work(self, run: int, target: str, on: bool) -> None:
        assert (run in self.at_work) != on
        assert target == TARGET
        self.at_work ^= {run}

    def count(self, what: str, change: int) -> None:
        self.balance[what] += change
        assert self.balance[what] >= 0, f"{what} was given back twice"

    def occupy(self, place: str, why: str) -> None:
        self.count(f"occupy {place}", 1)
        self.why[place] = why

    def announce(self) -> None:
        self.announced += 1

    def fail(self) -> None:
        self.failed += 1

    def job(self, work: Work, *, session: str = SESSION, project: str = "harbour", undoes: bool = True) -> Job:
        async def over(succeeded: bool) -> None:
            self.over.append(succeeded)

        return Job(
            "provision", f"new project {project}", project, session, TARGET, "Ann", "new project", work, over, undoes
        )

    def is_settled(self) -> bool:
        """Nothing is held or occupied, nothing is live, and every run has its end in the book."""
        return (
            not any(self.balance.values())
            and not self.at_work
            and not self.chores.live
            and len(self.book.ended) == len(self.book.asked)
        )


Work = Callable[[int, Progress], Awaitable[str]]


class Undoes:
    """Works for a minute; cancelled, it undoes for as long as it takes, and counts who disturbs it."""

    def __init__(self, undoing: float = 5.0) -> None:
        self.undoing = undoing
        self.began = self.cancelled = self.undone = 0

    async def __call__(self, run: int, progress: Progress) -> str:
        self.began += 1
        progress.begin("cloning")
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            self.cancelled += 1
            try:
                await asyncio.sleep(self.undoing)
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
            self.undone += 1
            raise
        return "Ready."


async def ready(run: int, progress: Progress) -> str:
    progress.begin("cloning")
    await asyncio.sleep(2)
    progress.done("cloned main")
    return "Ready."


def live(test: Callable[[World], Awaitable[None]]) -> World:
    async def main() -> World:
        async with asyncio.TaskGroup() as group:
            world = World(group)
            await test(world)
        return world

    return run(main())


def now() -> float:
    return asyncio.get_running_loop().time()


async def until_over(world: World) -> None:
    for chore in list(world.chores.live.values()):
        await chore.over.wait()


# ---------------------------------------------------------------- how it may go


def test_a_chore_that_succeeds() -> None:
    async def test(world: World) -> None:
        number = await world.chores.begin(world.job(ready))
        assert world.balance == {f"hold {SESSION}": 1, "occupy project/harbour": 1}
        assert world.why == {"project/harbour": f"run {number} (new project harbour)"}
        await until_over(world)

    world = live(test)
    assert world.is_settled()
    assert world.book.asked == [
        {"kind": "provision", "session": SESSION, "project": "harbour", "prompt": "new project"}
    ]
    assert world.book.updated == [(1, {"state": RunState.RUNNING})]
    assert world.book.ended[1] == Outcome(RunState.SUCCEEDED, "", (Notice(TARGET, "— 2.0 s"),))
    shown = world.shown[1]
    assert shown.header == "run 1 · new project harbour"
    assert shown.lines[-1] == ("✔ cloned main", True)
    assert (shown.texts, shown.notices, len(shown.finished)) == (["Ready."], [], 1)
    assert (world.over, world.announced, world.failed) == ([True], 1, 0)


def test_a_failure_that_people_can_mend_is_told_in_its_own_words() -> None:
    async def work(run: int, progress: Progress) -> str:
        progress.begin("cloning")
        raise UserError(reason="cloning: the branch is missing")

    async def test(world: World) -> None:
        await world.chores.begin(world.job(work))

    world = live(test)
    assert world.is_settled()
    assert world.book.ended[1].state is RunState.FAILED
    assert world.book.ended[1].reason == "cloning: the branch is missing"
    assert world.shown[1].finished == [("— 0.0 s", words.chore_failed(1, "cloning: the branch is missing"))]
    assert world.book.ended[1].notices
    assert world.shown[1].lines[-1] == ("✘ cloning", True)
    assert world.shown[1].texts == []
    assert (world.over, world.failed) == ([False], 1)


def test_an_unexpected_failure_shows_a_reference_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    async def work(run: int, progress: Progress) -> str:
        raise RuntimeError("token hunter2")

    async def test(world: World) -> None:
        await world.chores.begin(world.job(work))

    with caplog.at_level(logging.ERROR):
        world = live(test)
    outcome = world.book.ended[1]
    assert world.is_settled()
    assert outcome.state is RunState.FAILED
    assert "hunter2" not in repr((outcome, world.shown))
    reference = outcome.reason.rpartition(" ")[2]
    assert len(reference) == 8
    assert f"reference {reference}" in caplog.text
    assert "hunter2" in caplog.text  # the operator has it


def test_work_that_is_cancelled_from_within_is_no_silence() -> None:
    async def work(run: int, progress: Progress) -> str:
        raise asyncio.CancelledError

    async def test(world: World) -> None:
        await world.chores.begin(world.job(work))

    world = live(test)
    assert world.is_settled()
    assert world.book.ended[1].state is RunState.INTERRUPTED
    assert world.book.ended[1].notices


# ---------------------------------------------------------------- stop


def test_a_stop_in_the_middle_is_felt_once_and_the_receipt_tells_of_the_undoing() -> None:
    work = Undoes()

    async def test(world: World) -> None:
        await world.chores.begin(world.job(work))
        await asyncio.sleep(10)
        (stop,) = world.chores.stop(SESSION)
        assert world.chores.live
        (ended,) = (await stop).ended
        assert (ended.run, ended.seconds, ended.outcome) == (1, 15.0, Outcome(RunState.STOPPED, UNDONE))
        assert world.is_settled()  # by the time that the receipt is there

    world = live(test)
    assert (work.cancelled, work.undone) == (1, 1)
    assert world.book.ended == {1: Outcome(RunState.STOPPED, UNDONE)}
    assert world.shown[1].finished == [("", "")]
    assert (world.over, world.failed) == ([False], 0)


def test_a_receipt_promises_no_undoing_where_there_is_none() -> None:
    async def test(world: World) -> None:
        await world.chores.begin(world.job(Undoes(), undoes=False))
        await asyncio.sleep(10)
        await world.chores.stop(SESSION)[0]

    assert live(test).book.ended[1] == Outcome(RunState.STOPPED, "stop")


def test_further_stops_wait_for_the_undoing_and_do_not_disturb_it() -> None:
    work = Undoes()

    async def test(world: World) -> None:
        await world.chores.begin(world.job(work))
        await asyncio.sleep(10)
        stops = world.chores.stop(SESSION)
        await asyncio.sleep(1)
        stops += [*world.chores.stop(SESSION), *world.chores.stop_all(), *world.chores.end(1)]
        closing = asyncio.ensure_future(world.chores.close())
        receipts = await asyncio.gather(*stops)
        assert [receipt.ended[0].outcome for receipt in receipts] == [Outcome(RunState.STOPPED, UNDONE)] * 4
        await closing

    world = live(test)
    assert (work.cancelled, work.undone) == (1, 1)
    assert world.is_settled()


def test_an_undoing_that_takes_its_time_is_reported_as_unfinished_and_goes_on() -> None:
    work = Undoes(undoing=40)

    async def test(world: World) -> None:
        await world.chores.begin(world.job(work))
        await asyncio.sleep(10)
        asked = now()
        assert await world.chores.stop(SESSION)[0] == Stopped(SESSION, unfinished=(1,))
        assert now() - asked == STOP_PATIENCE
        assert world.balance[f"hold {SESSION}"] == 1
        (ended,) = (await world.chores.stop(SESSION)[0]).ended + (await world.chores.stop(SESSION)[0]).ended
        assert ended.outcome.state is RunState.STOPPED

    world = live(test)
    assert (work.cancelled, work.undone) == (1, 1)
    assert world.is_settled()


@pytest.mark.parametrize("turns", range(8))
def test_a_stop_at_any_moment_of_the_start_is_recorded_and_answered(turns: int) -> None:
    """The first of them come before the work has taken its first step: a task cancelled then is never entered."""
    work = Undoes()

    async def test(world: World) -> None:
        await world.chores.begin(world.job(work))
        for _ in range(turns):
            await asyncio.sleep(0)
        receipt = await world.chores.stop(SESSION)[0]
        assert [ended.outcome for ended in receipt.ended] == [Outcome(RunState.STOPPED, UNDONE)]

    world = live(test)
    assert world.is_settled()
    assert world.book.ended[1].state is RunState.STOPPED
    assert len(world.shown[1].finished) == 1
    assert world.over == [False]
    assert work.began == work.cancelled == work.undone


@pytest.mark.parametrize("turns", range(8))
def test_the_bots_end_at_any_moment_of_the_start_is_recorded(turns: int) -> None:
    async def test(world: World) -> None:
        await world.chores.begin(world.job(Undoes()))
        for _ in range(turns):
            await asyncio.sleep(0)
        await world.chores.close()
        assert world.is_settled()

    assert live(test).book.ended[1].state is RunState.INTERRUPTED


def test_a_stop_that_comes_when_the_work_is_done_does_not_undo_the_truth() -> None:
    async def test(world: World) -> None:
        world.finishing = 3.0  # the last words are on their way
        await world.chores.begin(world.job(ready))
        await asyncio.sleep(3)
        (ended,) = (await world.chores.stop(SESSION)[0]).ended
        assert ended.outcome.state is RunState.SUCCEEDED

    world = live(test)
    assert world.is_settled()
    assert world.book.ended[1].state is RunState.SUCCEEDED
    assert world.over == [True]
    assert len(world.shown[1].finished) == 1


def test_work_that_ends_in_spite_of_a_stop_is_recorded_as_what_it_is() -> None:
    async def work(run: int, progress: Progress) -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return "Ready."
        return ""

    async def test(world: World) -> None:
        await world.chores.begin(world.job(work))
        await asyncio.sleep(1)
        (ended,) = (await world.chores.stop(SESSION)[0]).ended
        assert ended.outcome.state is RunState.SUCCEEDED

    assert live(test).is_settled()


def test_a_stop_is_for_its_own_session_or_run() -> None:
    async def test(world: World) -> None:
        first = await world.chores.begin(world.job(Undoes(), session="a", project="one"))
        second = await world.chores.begin(world.job(Undoes(), session="b", project="two"))
        assert world.chores.stop("c") == world.chores.end(99) == []
        assert (await world.chores.stop("a")[0]).session == "a"
        assert list(world.chores.live) == [second]
        (ended,) = (await world.chores.end(second)[0]).ended
        assert (first, ended.run) == (1, second)
        assert world.chores.stop_all() == []

    assert live(test).is_settled()


# ---------------------------------------------------------------- the cap, the end, the store


def test_two_work_at_once_and_the_third_is_told_that_it_waits() -> None:
    most = working = 0

    async def work(run: int, progress: Progress) -> str:
        nonlocal most, working
        working += 1
        most = max(most, working)
        await asyncio.sleep(10)
        working -= 1
        return "Ready."

    async def test(world: World) -> None:
        began = now()
        for number in range(5):
            await world.chores.begin(world.job(work, session=f"s{number}", project=f"p{number}"))
        await until_over(world)
        assert now() - began == pytest.approx(30, abs=1)

    world = live(test)
    assert most == AT_ONCE == 2
    assert world.is_settled()
    assert [len(world.shown[run].notices) for run in range(1, 6)] == [0, 0, 1, 1, 1]
    assert "2 projects are being worked on already" in world.shown[3].notices[0]


def test_who_waits_for_a_turn_can_be_stopped_and_takes_none() -> None:
    waiting = Undoes()

    async def test(world: World) -> None:
        for number in range(2):
            await world.chores.begin(world.job(Undoes(), session=f"s{number}", project=f"p{number}"))
        await world.chores.begin(world.job(waiting, session="third", project="third"))
        await asyncio.sleep(5)
        await world.chores.stop("third")[0]
        last = await world.chores.begin(world.job(ready, session="fourth", project="fourth"))
        await until_over(world)
        assert world.book.ended[last].state is RunState.SUCCEEDED

    world = live(test)
    assert waiting.began == 0
    assert world.is_settled()
    assert (3, {"state": RunState.RUNNING}) not in world.book.updated


def test_the_bots_end_undoes_what_is_under_way_and_says_that_it_was_interrupted() -> None:
    works = [Undoes(undoing=40), Undoes(), Undoes()]

    async def test(world: World) -> None:
        for number, work in enumerate(works):
            await world.chores.begin(world.job(work, session=f"s{number}", project=f"p{number}"))
        await asyncio.sleep(10)
        asked = now()
        await world.chores.close()
        assert now() - asked == pytest.approx(40, abs=1)
        assert world.is_settled()

    world = live(test)
    assert [(work.cancelled, work.undone) for work in works] == [(1, 1), (1, 1), (0, 0)]
    for number, outcome in world.book.ended.items():
        assert (outcome.state, outcome.reason) == (RunState.INTERRUPTED, "shutdown")
        said = f"Run {number} was cut off because the bot was shut down. `retry {number}` repeats it."
        assert outcome.notices == (Notice(TARGET, said),)
    assert world.failed == 0


def test_closing_with_nothing_under_way_is_nothing() -> None:
    async def test(world: World) -> None:
        await world.chores.close()

    assert live(test).is_settled()


def test_a_chore_that_cannot_be_recorded_does_not_begin() -> None:
    work = Undoes()

    async def test(world: World) -> None:
        world.book.full = 1
        with pytest.raises(StoreUnavailable):
            await world.chores.begin(world.job(work))
        assert world.is_settled()

    world = live(test)
    assert work.began == 0
    assert world.shown == {}


def test_an_end_that_cannot_be_written_is_written_later_and_all_is_held_until_then() -> None:
    async def test(world: World) -> None:
        await world.chores.begin(world.job(ready))
        world.book.full = 30
        await asyncio.sleep(20)
        assert world.balance == {f"hold {SESSION}": 1, "occupy project/harbour": 1}
        await until_over(world)

    world = live(test)
    assert world.is_settled()
    assert world.book.ended[1].state is RunState.SUCCEEDED


def test_who_is_told_of_the_end_and_fails_keeps_nobody_from_it(caplog: pytest.LogCaptureFixture) -> None:
    async def over(succeeded: bool) -> None:
        raise RuntimeError("binding")

    async def test(world: World) -> None:
        job = world.job(ready)
        await world.chores.begin(
            Job(job.kind, job.title, job.project, SESSION, TARGET, job.asked_by, job.text, job.work, over)
        )

    world = live(test)
    assert world.is_settled()
    assert "after run 1" in caplog.text


# ---------------------------------------------------------------- progress


def test_a_line_grows_a_tick_for_each_step_with_the_newest_news_of_the_one_under_way() -> None:
    shown = FakeShows("")
    progress = Progress(shown)
    progress.begin("cloning")
    progress.line("Receiving  objects:\t 7 %\n")
    progress.done("cloned main")
    progress.begin("image")
    progress.line("x" * 300)
    progress.done("")
    progress.begin("ssh")
    progress.close()
    assert shown.lines == [
        ("… cloning", False),
        ("… cloning: Receiving objects: 7 %", False),
        ("✔ cloned main", False),
        ("✔ cloned main   … image", False),
        (f"✔ cloned main   … image: {'x' * NEWS}", False),
        ("✔ cloned main", False),
        ("✔ cloned main   … ssh", False),
        ("✔ cloned main   ✘ ssh", True),
    ]


def test_a_step_that_another_follows_without_having_been_done_went_wrong() -> None:
    shown = FakeShows("")
    progress = Progress(shown)
    progress.begin("cloning")
    progress.begin("undoing")
    progress.done("undone")
    progress.close()
    assert shown.lines[-1] == ("✘ cloning   ✔ undone", True)


def test_nothing_done_shows_nothing_and_remarks_stand_by_themselves() -> None:
    shown = FakeShows("")
    progress = Progress(shown)
    progress.say("a remark")
    progress.close()
    assert (shown.lines, shown.notices) == ([], ["a remark"])


def test_a_project_is_one_chores_at_a_time() -> None:
    """Two commands at once: the second is refused, and nothing of the first is touched."""

    async def test(world: World) -> None:
        await world.chores.begin(world.job(ready))
        with pytest.raises(ProjectBusy):
            await world.chores.begin(world.job(ready, session="web/2"))
        assert not world.chores.claim("harbour")
        assert world.balance == {f"hold {SESSION}": 1, "occupy project/harbour": 1}
        await until_over(world)
        await asyncio.sleep(0)
        assert world.chores.claim("harbour")
        world.chores.disclaim("harbour")

    world = live(test)
    assert world.is_settled()
    assert len(world.book.ended) == 1
