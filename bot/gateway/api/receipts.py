"""The receipt of a stop, for programs."""

from __future__ import annotations

from pydantic import Field

from bot.agents.base import KillReport
from bot.commands import words
from bot.commands.model import Reply, StopReport
from bot.gateway.api.model import Problem, Shown
from dispatcher.model import Ended, RunState


class Proof(Shown):
    """What ending processes found."""

    found: int = Field(description="Processes that were alive.")
    seconds: float = Field(description="Until they were gone, or given up.")
    verified: bool = Field(description="Whether it is proven that none is left.")
    survivors: list[int] = Field(description="Their process ids.")
    note: str


class EndedRun(Shown):
    run: int
    state: RunState
    seconds: float = Field(description="From its start to its end.")
    reason: str
    proof: Proof | None = Field(description="null: no process of it was ever started.")


class StopReceipt(Shown):
    text: str = Field(description="As the conversation is told.")
    complete: bool = Field(description="false: something may still be alive.")
    ended: list[EndedRun]
    unfinished: list[int] = Field(description="Runs that did not end in time.")
    discarded: int = Field(description="Messages that had waited.")
    rested: list[Proof] = Field(description="Agents that rested between two turns.")
    unscheduled: int | None = Field(description="Retries that were to come; null: they could not be cancelled.")


def receipt(reply: Reply) -> StopReceipt:
    """Raises Problem where the named run was not to be stopped."""
    report = reply.came
    assert isinstance(report, StopReport)
    if report.obstacle:
        raise Problem(404 if report.obstacle == "unknown" else 409, reply.text, error=report.obstacle)
    return StopReceipt(
        text=reply.text,
        complete=reply.ok,
        ended=[_ended(each) for stopped in report.stopped for each in stopped.ended],
        unfinished=[run for stopped in report.stopped for run in stopped.unfinished],
        discarded=sum(stopped.discarded for stopped in report.stopped),
        rested=[proof(each) for each in report.rested],
        unscheduled=report.unscheduled,
    )


def _ended(ended: Ended) -> EndedRun:
    killed = words.kill_report(ended.outcome.record.get("kill_report"))
    return EndedRun(
        run=ended.run,
        state=ended.outcome.state,
        seconds=ended.seconds,
        reason=ended.outcome.reason,
        proof=proof(killed) if killed else None,
    )


def proof(report: KillReport) -> Proof:
    return Proof(
        found=report.found,
        seconds=report.seconds,
        verified=report.verified,
        survivors=list(report.survivors),
        note=report.note,
    )
