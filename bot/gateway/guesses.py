"""Wrong tokens, cookies and links, counted for each address that they come from."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable

log = logging.getLogger(__name__)

MINUTE = 60.0  # seconds
A_MINUTE = 20  # that are answered as what they are; further ones hear 429
ADDRESSES = 1_000  # remembered


class Guesses:
    """What is right is never refused for what was wrong before: behind a proxy all have one address."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: OrderedDict[str, tuple[float, int]] = OrderedDict()  # address → begin of its minute, wrong ones
        self._logged: float | None = None
        self._unlogged = 0

    def note(self, address: str) -> bool:
        """Count a wrong one. True: there were too many from there."""
        now = self._clock()
        began, wrong = self._since.pop(address, (now, 0))
        if now - began >= MINUTE:
            began, wrong = now, 0
        self._since[address] = (began, wrong + 1)
        while len(self._since) > ADDRESSES:
            self._since.popitem(last=False)
        self._tell(now, address)
        return wrong >= A_MINUTE

    def _tell(self, now: float, address: str) -> None:
        self._unlogged += 1
        if self._logged is None or now - self._logged >= MINUTE:
            log.warning(
                "wrong token, cookie or link, %d since the last such line; now from %s", self._unlogged, address
            )
            self._logged, self._unlogged = now, 0
