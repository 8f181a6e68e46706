"""Browsers in which people are logged in, in `<data>/access/logins.json`: a restart logs nobody out."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import cast

from bot import private
from bot.access import keys
from bot.access.model import Account, Login
from bot.access.uses import Uses

log = logging.getLogger(__name__)

IDLE = 30 * 86_400.0  # seconds without a request, and a login is over
OF_ONE = 20  # for one account; who was away longest is logged out
AT_MOST = 1_000


class Logins:
    """Held in memory, so that a look takes no time. What is taken away is gone there before the disk hears of it."""

    def __init__(self, data: Path, uses: Uses, clock: Callable[[], float] = time.time) -> None:
        self._path = data / "access" / "logins.json"
        self._uses = uses
        self._clock = clock
        self._logins = {login.digest: login for login in _read(self._path)}
        self._writing = asyncio.Lock()

    def find(self, key: str) -> Login | None:
        """Whose cookie this is; None: nobody's, or one that was idle for too long."""
        login = self._logins.get(keys.digest(key))
        return None if login is None or self._is_over(login) else login

    def counts(self, digest: str) -> bool:
        return digest in self._logins

    async def begin(self, account: Account, name: str) -> str:
        """A new cookie. Raises OSError: then nobody is logged in."""
        key = keys.make(keys.COOKIE)
        digest = keys.digest(key)
        self._keep(login for login in self._logins.values() if not self._is_over(login))
        self._make_room(account)
        self._logins[digest] = Login(account, name, digest, self._clock())
        self._uses.note(digest)
        try:
            await self._write()
        except OSError:
            self._logins.pop(digest, None)
            raise
        return key

    async def end(self, key: str) -> None:
        """Log one browser out. Raises OSError: it is, but a restart would log it in again."""
        if self._logins.pop(keys.digest(key), None) is not None:
            await self._write()

    async def end_all(self, account: Account) -> None:
        """Log somebody out everywhere. Raises OSError, as `end` does."""
        before = len(self._logins)
        self._keep(login for login in self._logins.values() if login.account != account)
        if len(self._logins) != before:
            await self._write()

    def _is_over(self, login: Login) -> bool:
        return self._clock() - self._last(login) >= IDLE

    def _last(self, login: Login) -> float:
        return self._uses.last(login.digest) or min(login.made_at, self._clock())

    def _make_room(self, account: Account) -> None:
        oldest = sorted(self._logins.values(), key=self._last)
        theirs = [login for login in oldest if login.account == account]
        surplus = {*theirs[: max(0, len(theirs) - OF_ONE + 1)], *oldest[: max(0, len(oldest) - AT_MOST + 1)]}
        self._keep(login for login in oldest if login not in surplus)

    def _keep(self, logins: Iterable[Login]) -> None:
        self._logins = {login.digest: login for login in logins}

    async def _write(self) -> None:
        async with self._writing:  # else an older state could come to lie over a newer one
            document = {login.digest: _fields(login) for login in self._logins.values()}
            await asyncio.to_thread(private.replace, self._path, document)


def _fields(login: Login) -> dict[str, object]:
    account = login.account
    return {"transport": account.transport, "user": account.user, "name": login.name, "made_at": login.made_at}


def _read(path: Path) -> tuple[Login, ...]:
    """Of a file that is not as we left it: nobody."""
    try:
        document = cast("dict[str, object]", private.read(path) or {})
        return tuple(_login(digest, fields) for digest, fields in document.items())
    except private.Unreadable as exc:
        log.error("everybody is logged out of the page: %s", exc)
    except (AttributeError, KeyError, TypeError, ValueError):
        log.error("everybody is logged out of the page: %s", private.damaged(path))
    return ()


def _login(digest: str, fields: object) -> Login:
    fields = cast("dict[str, object]", fields)
    account = Account(str(fields["transport"]), str(fields["user"]))
    return Login(account, str(fields["name"]), digest, float(cast("float", fields["made_at"])))
