"""What proves who somebody is over HTTP: tokens of programs, links that log in, and browsers that are logged in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from bot.access.invitations import Invitations
from bot.access.links import Link, Links
from bot.access.logins import Logins
from bot.access.model import Account
from bot.access.tokens import Tokens
from bot.access.uses import Uses

NOTING = 60.0  # seconds between looks whether there are uses to be written down


class Keyring:
    def __init__(
        self,
        data: Path,
        clock: Callable[[], float] = time.time,
        running: Callable[[], float] = time.monotonic,
    ) -> None:
        self.uses = Uses(data, clock)
        self.tokens = Tokens(data, clock)
        self.logins = Logins(data, self.uses, clock)
        self.links = Links(running)
        self._invitations = Invitations(data, clock)

    def redeem(self, key: str) -> Link | None:
        """Whom a link's secret stands for; it counts no more."""
        return self.links.redeem(key) or self._invitations.redeem(key)

    async def log_out(self, account: Account) -> None:
        """Everywhere, and links that would log in again count no more. Raises OSError: not on the disk."""
        self.links.forget(account)
        await self.logins.end_all(account)

    async def run(self) -> None:
        """Write uses down once in a while, and when it is cancelled."""
        try:
            while True:
                await asyncio.sleep(NOTING)
                if write := self.uses.due(self._is_alive):
                    await asyncio.to_thread(write)
        finally:
            if write := self.uses.due(self._is_alive):
                write()

    def _is_alive(self, digest: str) -> bool:
        return self.logins.counts(digest) or self.tokens.knows(digest)
