"""Links that log a browser in: once, for ten minutes, in memory alone."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass

from bot.access import keys
from bot.access.model import Account

LIFE = 600.0  # seconds
OF_ONE = 3  # that count at the same time for one account; the oldest goes
AT_MOST = 300


@dataclass(frozen=True, slots=True)
class Link:
    account: Account
    name: str  # as their network shows them
    digest: str
    at: float  # seconds of the clock


class Links:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._links: tuple[Link, ...] = ()  # oldest first

    def make(self, account: Account, name: str) -> str:
        """A new secret, for the fragment of a link."""
        key = keys.make(keys.LINK)
        theirs = [link for link in self._alive() if link.account == account]
        surplus = theirs[: max(0, len(theirs) - OF_ONE + 1)]
        kept = [link for link in self._alive() if link not in surplus][1 - AT_MOST :]
        self._links = (*kept, Link(account, name, keys.digest(key), self._clock()))
        return key

    def redeem(self, key: str) -> Link | None:
        """Whom a secret stands for; it counts no more. Two at once: the second comes too late, nothing awaits here."""
        offered = keys.digest(key)
        alive = self._alive()
        # All are compared, so that the time this takes tells neither which one nor whether one fits.
        found = [link for link in alive if hmac.compare_digest(link.digest, offered)]
        self._links = tuple(link for link in alive if link not in found)
        return found[0] if found else None

    def forget(self, account: Account) -> None:
        self._links = tuple(link for link in self._links if link.account != account)

    def _alive(self) -> tuple[Link, ...]:
        now = self._clock()
        return tuple(link for link in self._links if now - link.at < LIFE)
