"""Figures over days."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from typing import Annotated

from pydantic import Field

from bot.gateway.api.model import Answer, Backstage, Call, Given, Route, Shown
from bot.store.records import RunsOfDay

DAY = 86_400  # seconds


class StatsParams(Given):
    days: Annotated[int, Field(ge=1, le=366)] = Field(14, description="Today and the days before it, so many of them.")


class Day(Shown):
    """Runs that ended on that day. Sums; times in seconds."""

    day: date = Field(description="In UTC.")
    runs: int
    succeeded: int
    failed: int = Field(description="Those that timed out, were cut off or could not be ended included.")
    stopped: int
    waited: float = Field(description="From asking to the start.")
    ran: float = Field(description="From the start to the end.")
    cost: float = Field(description="US dollars.")
    tokens_in: int
    tokens_out: int


class Stats(Shown):
    days: list[Day] = Field(description="The oldest first; days without runs too.")


async def show(call: Call[StatsParams, None], stage: Backstage) -> Answer:
    today = int(time.time() // DAY)
    since = today - call.params.days + 1
    found = {each.day: each for each in await stage.history.days(since, bound=call.caller.role == "member")}
    return Answer(Stats(days=[_day(number, found.get(number)) for number in range(since, today + 1)]))


def _day(number: int, of: RunsOfDay | None) -> Day:
    of = of or RunsOfDay(day=number, runs=0, succeeded=0, stopped=0, waited=0, ran=0, cost=0, tokens_in=0, tokens_out=0)
    return Day(
        day=datetime.fromtimestamp(number * DAY, UTC).date(),
        runs=of.runs,
        succeeded=of.succeeded,
        failed=of.runs - of.succeeded - of.stopped,
        stopped=of.stopped,
        waited=max(0.0, of.waited),  # the wall clock may have been set back meanwhile
        ran=max(0.0, of.ran),
        cost=of.cost,
        tokens_in=of.tokens_in,
        tokens_out=of.tokens_out,
    )


ROUTES = (
    Route(
        "GET",
        "/stats",
        "Sums runs by day",
        "member",
        show,
        {200: Stats},
        StatsParams,
        details="Members see those that are about a project.",
    ),
)
