"""Events between the reader of a protocol and whoever follows the turn."""

from __future__ import annotations

import asyncio
from collections import deque

from bot.agents.base import AgentEvent, TextDelta, Thought

HIGH = 1_000_000  # characters of unread events above which reading from the program pauses


class Mailbox:
    """Arrival order, never lost, never blocking the writer; `room` is what slows a program down."""

    def __init__(self, high: int = HIGH) -> None:
        self._events: deque[AgentEvent] = deque()
        self._weight = 0
        self._high = high
        self._closed = False
        self._changed = asyncio.Event()
        self._roomy = asyncio.Event()
        self._roomy.set()

    def put(self, event: AgentEvent) -> None:
        self._events.append(event)
        self._weigh(_weight(event))
        self._changed.set()

    def close(self) -> None:
        """Nothing will be put any more; what is there can still be read."""
        self._closed = True
        self._changed.set()

    async def get(self) -> AgentEvent | None:
        """The next event; None when closed and empty."""
        while not self._events:
            if self._closed:
                return None
            self._changed.clear()
            await self._changed.wait()
        event = self._events.popleft()
        self._weigh(-_weight(event))
        return event

    async def room(self) -> None:
        await self._roomy.wait()

    def _weigh(self, change: int) -> None:
        self._weight += change
        if self._weight < self._high:
            self._roomy.set()
        else:
            self._roomy.clear()


def _weight(event: AgentEvent) -> int:
    # 200 is about what an event costs apart from its text: many empty ones must not pass for nothing.
    return 200 + (len(event.text) if isinstance(event, TextDelta | Thought) else 0)
