"""Events on their way: tried, tried again on a schedule, and lost in the end, as Slack does.

https://docs.slack.dev/apis/events-api/#retries: at once, after a minute, after five; then never again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Literal, Protocol

from tests.slack_fake.model import Attempt, Delivery, Json, Outcome

PATIENCE = 3.0  # seconds for an acknowledgement
SCHEDULE = (0.2, 1.0, 5.0)  # seconds before each retry; Slack's are about (0, 60, 300)


class Way(Protocol):
    """Socket Mode, or signed HTTP."""

    async def attempt(self, delivery: Delivery, attempt: Attempt, patience: float) -> Outcome: ...


class Courier:
    """Hands everything in by `way`, each delivery in a task of its own: they overtake each other, as at Slack.

    Counters of faults, each used up one by one: `twice` (two envelopes at once for one event), `unheard`
    (an acknowledgement that Slack does not notice), `swallowed` (an attempt that never leaves), `vanished` (an event
    that is never told at all).
    """

    def __init__(
        self, way: Callable[[], Way], schedule: Sequence[float] = SCHEDULE, patience: float = PATIENCE
    ) -> None:
        self.way = way
        self.schedule = tuple(schedule)
        self.patience = patience
        self.deliveries: list[Delivery] = []
        self.twice = self.unheard = self.swallowed = self.vanished = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def send(self, kind: Literal["events_api", "interactive", "slash_commands"], payload: Json) -> Delivery:
        delivery = Delivery(kind, payload)
        self.deliveries.append(delivery)
        if self._uses("vanished"):
            delivery.state = "lost"
            delivery.done.set()
        else:
            self._begin(self._deliver(delivery), f"deliver {kind} {delivery.event_id}")
        return delivery

    @property
    def lost(self) -> list[Delivery]:
        return [each for each in self.deliveries if each.state == "lost"]

    @property
    def pending(self) -> list[Delivery]:
        return [each for each in self.deliveries if each.state == "pending"]

    @property
    def late(self) -> list[Delivery]:
        """Acknowledged, but after Slack's patience had ended."""
        return [d for d in self.deliveries if any((each.latency or 0.0) > self.patience for each in d.attempts)]

    def latencies(self) -> list[float]:
        """Seconds of all acknowledgements."""
        return [each.latency for d in self.deliveries for each in d.attempts if each.latency is not None]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, delivery: Delivery) -> None:
        # People's presses and commands are not repeated: who pressed sees that it failed.
        schedule = self.schedule if delivery.kind == "events_api" else ()
        reason = ""
        for number, delay in enumerate((0.0, *schedule)):
            if number:
                await asyncio.sleep(delay)
            outcome = await self._try(delivery, number, reason)
            if outcome.acked:
                delivery.state, delivery.answer = "acked", outcome.answer
                break
            reason = outcome.reason
            if outcome.final:
                break
        else:
            delivery.state = "lost"
        if delivery.state == "pending":
            delivery.state = "lost"
        delivery.done.set()

    async def _try(self, delivery: Delivery, number: int, reason: str) -> Outcome:
        if self._uses("swallowed"):
            delivery.attempts.append(Attempt(number, "", reason, failed="swallowed"))
            return Outcome(acked=False, reason="timeout")
        copies = 2 if self._uses("twice") else 1
        attempts = [Attempt(number, "", reason) for _ in range(copies)]
        delivery.attempts += attempts
        outcomes = await asyncio.gather(*(self._attempt(delivery, each) for each in attempts))
        return next((each for each in outcomes if each.acked), outcomes[0])

    async def _attempt(self, delivery: Delivery, attempt: Attempt) -> Outcome:
        outcome = await self.way().attempt(delivery, attempt, self.patience)
        if outcome.acked and self._uses("unheard"):
            outcome = Outcome(acked=False, reason="timeout")
            attempt.failed = "unheard"
        elif not outcome.acked:
            attempt.failed = outcome.reason
        return outcome

    def _uses(self, counter: str) -> bool:
        left = getattr(self, counter)
        setattr(self, counter, max(left - 1, 0))
        return bool(left)
