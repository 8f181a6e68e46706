"""From how a turn ended to what is recorded and said of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

from bot.agents.base import KillReport
from bot.runs import words
from bot.runs.listening import Listener
from bot.runs.sitting import End
from dispatcher.model import Batch, Notice, Outcome, RunState

NOTHING = KillReport(found=0, seconds=0.0, verified=True)


async def outcome(turn: Listener, end: End) -> Outcome:
    """What became of a turn whose processes were dealt with."""
    run, finished = turn.batch.run, turn.account.finished
    report = end.report or NOTHING
    if report.survivors:
        return await _unkilled(turn, report)
    if end.cut == "signal":
        return await _cut_off(turn, end.why, report, repeat=not turn.staff.agent.keeps_conversation)
    if end.cut == "limit":
        state = RunState.FAILED if turn.pulse.excess else RunState.TIMED_OUT
        return await _ended(turn, state, end.why, report, words.limit(run, end.why, report))
    if finished is None or finished.is_error:
        why = finished.text if finished else end.why
        return await _ended(turn, RunState.FAILED, why, end.report, _trouble(turn, why))
    if turn.pulse.excess:  # told of its cost when all was done
        turn.reply.notice(words.exceeded_at_the_end(turn.pulse.excess))
    return await _ended(turn, RunState.SUCCEEDED, "", end.report)


def _trouble(turn: Listener, why: str) -> str:
    run, limited = turn.batch.run, turn.account.limited
    if limited is None:
        return words.failed(run, why)
    return words.rate_limited(run, turn.staff.agent.name, limited.until, time.time())


async def refused(turn: Listener, why: str) -> Outcome:
    """The turn was not begun: a limit forbids it."""
    return await _ended(turn, RunState.FAILED, why, None, words.failed(turn.batch.run, why))


async def broken(turn: Listener, why: str) -> Outcome:
    """The agent could not be started."""
    return await _ended(turn, RunState.FAILED, why, None, words.failed(turn.batch.run, why))


async def never_began(turn: Listener, reason: str) -> Outcome:
    """Stopped while the agent was being started: nothing of it runs, and it has heard nothing."""
    return await _cut_off(turn, reason, NOTHING, repeat=True)


async def _cut_off(turn: Listener, reason: str, report: KillReport, *, repeat: bool) -> Outcome:
    turn.reply.mute()
    columns = {**turn.columns(report), "error": None}  # that someone wanted it so is no error
    if reason == "stop":
        # Not how it ended: the receipt of the stop tells that, with count and time.
        notices = await turn.reply.finish()
        return Outcome(RunState.STOPPED, "stop", notices, columns)
    run = turn.batch.run
    text = words.interrupted(run) if reason == "interrupt" else words.shut_down(run)
    notices = await turn.reply.finish(trouble=text)
    return Outcome(RunState.INTERRUPTED, reason, notices, columns, repeat=repeat and reason == "interrupt")


async def _unkilled(turn: Listener, report: KillReport) -> Outcome:
    notices = await turn.reply.finish(trouble=words.unkilled(turn.batch.run, report))
    why = words.quarantined(turn.batch.run, report.survivors)
    return Outcome(RunState.FAILED_TO_KILL, why, notices, turn.columns(report))


async def _ended(turn: Listener, state: RunState, reason: str, report: KillReport | None, trouble: str = "") -> Outcome:
    seconds = asyncio.get_running_loop().time() - turn.live.began
    notices = await turn.reply.finish(words.footer(seconds, turn.account.cost), trouble)
    return Outcome(state, reason, (*notices, *_elsewhere(turn.batch)), turn.columns(report))


def _elsewhere(batch: Batch) -> Iterator[Notice]:
    """One batch may come from several threads of a conversation; its answer stands in the newest one's alone."""
    others = dict.fromkeys(row.target for row in batch.rows if row.target != batch.target)
    for number, target in enumerate(others, 1):
        yield Notice(target, words.answered_elsewhere(batch.run), "notice", f"run/{batch.run}/elsewhere/{number}")
