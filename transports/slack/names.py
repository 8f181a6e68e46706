"""What people are called: asked for once in a while, and never waited for long."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from transports.base import Disconnected, PermanentFailure, TemporaryFailure
from transports.clean import clean_name

log = logging.getLogger(__name__)

MOST = 2_000  # people
FRESH = 3_600.0  # seconds that a name holds
AGAIN = 60.0  # seconds before one that could not be had is asked for again
PATIENCE = 1.0  # seconds: an event has three to be acknowledged


class Names:
    def __init__(self, ask: Callable[[str], Awaitable[str]], clock: Callable[[], float] = time.monotonic) -> None:
        """`ask`: a person's name by id; raises what Workspace raises."""
        self._ask = ask
        self._clock = clock
        self._known: OrderedDict[str, tuple[str, float]] = OrderedDict()  # by id: name, and until when it holds

    async def of(self, user: str) -> str:
        """The id where there is nothing better."""
        name, until = self._known.get(user, ("", 0.0))
        if self._clock() < until:
            return name or user
        try:
            async with asyncio.timeout(PATIENCE):
                name, holds = clean_name(await self._ask(user) or user), FRESH
        except (TimeoutError, TemporaryFailure, PermanentFailure, Disconnected) as exc:
            log.info("the name of %s cannot be had: %s", user, exc or "no answer in time")
            holds = AGAIN
        self._known[user] = name, self._clock() + holds
        while len(self._known) > MOST:
            self._known.popitem(last=False)
        return name or user
