"""What commands may ask about people."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import cast

from bot.access import words
from bot.access.accounts import resolved
from bot.access.door import Door
from bot.access.errors import CodeUnknown, StillOnDisk
from bot.access.keyring import Keyring
from bot.access.model import CONSOLE, Account, Caller
from bot.access.roll import Roll
from bot.commands import codes
from bot.commands.model import Asker, Invocation, Reply, Role
from transports.web import NAME as WEB


class AccessDesk:
    """Implements bot.commands.model.MemberDesk."""

    def __init__(
        self,
        roll: Roll,
        door: Door,
        say: Callable[[str, str], None],  # target and text, shown without the outbox
        keyring: Keyring,
        page: Callable[[str], str] | None = None,  # the address that logs in with a link's secret
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._roll = roll
        self._door = door
        self._say = say
        self._keyring = keyring
        self._page = page
        self._clock = clock

    async def overview(self, invocation: Invocation) -> Reply:
        # A code in a room is a code in the hands of everybody there, so owners see them where they are alone.
        openly = invocation.asker.role == "owner" and invocation.asker.direct
        now = self._clock()
        callers = [(each, each.code if openly else "", now - each.at) for each in self._door.callers()]
        members = tuple(self._roll.members.items())
        return Reply(
            words.overview(members, self._roll.owners, callers, self._door.turned_away, self._keyring.tokens.counting())
        )

    async def grant(self, invocation: Invocation) -> Reply:
        word, role = str(invocation.args["user"]), cast("Role", invocation.args["role"])
        caller = self._caller(word)
        account = caller.account if caller else self._account(word)
        name = caller.name if caller else self._name(account)
        last = self._would_orphan(account) and role != "owner"
        await self._roll.grant(account, name, role, invocation.asker.sender_name)
        self._door.let_in(account)
        if caller is not None:
            self._say(caller.target, words.welcome(role))
        return Reply(words.granted(account, name, role) + (words.ORPHANED if last else ""))

    async def revoke(self, invocation: Invocation) -> Reply:
        account = self._account(str(invocation.args["user"]))
        name, last = self._name(account), self._would_orphan(account)
        await self._roll.revoke(account)
        await self._log_out(account)
        return Reply(words.revoked(account, name) + (words.ORPHANED if last else ""))

    async def pair(self, invocation: Invocation) -> Reply:
        asker = invocation.asker
        if asker.transport == CONSOLE:
            return Reply(words.PAIR_FROM_CHAT, ok=False)
        if asker.role == "owner":
            return Reply(words.PAIRED_ALREADY)
        return await self._paired(asker, str(invocation.args["code"]))

    async def _paired(self, asker: Asker, code: str) -> Reply:
        came = await self._door.pair(Account(asker.transport, asker.sender), asker.sender_name, code)
        return Reply(
            {"paired": words.PAIRED, "wrong": words.WRONG, "too often": words.TOO_OFTEN}[came], came == "paired"
        )

    # ------------------------------------------------------------ the page

    async def page(self, invocation: Invocation) -> Reply:
        asker = invocation.asker
        account = Account(asker.transport, asker.sender)
        if "what" in invocation.args:
            await self._log_out(account)
            return Reply(words.LOGGED_OUT)
        if self._page is None:
            return Reply(words.NO_PAGE, ok=False)
        if _on_page(asker):
            return Reply(words.PAGE_IS_HERE, ok=False)
        if not asker.direct:
            return Reply(words.PAGE_IN_DIRECT, ok=False)
        link = self._page(self._keyring.links.make(account, asker.sender_name))
        # Beside the outbox: what stands there, operators can read, and the link of an owner would make them one.
        self._say(asker.target, words.page_link(link))
        return Reply(words.PAGE_GIVEN)

    async def _log_out(self, account: Account) -> None:
        try:
            await self._keyring.log_out(account)
        except OSError as exc:
            raise StillOnDisk(account=account, reason=exc.strerror) from exc

    # ------------------------------------------------------------ who is meant

    def _caller(self, word: str) -> Caller | None:
        """Raises CodeUnknown for a code that does not count."""
        code = codes.read(word)
        if code is None or any(account.user == word for account in self._roll.members):
            return None
        if (caller := self._door.caller(code)) is None:
            raise CodeUnknown(code=code)
        return caller

    def _account(self, word: str) -> Account:
        callers = [caller.account for caller in self._door.callers()]
        return resolved(word, [*self._roll.members, *callers], self._door.chats)

    def _name(self, account: Account) -> str:
        member = self._roll.members.get(account)
        called = (caller.name for caller in self._door.callers() if caller.account == account)
        return member.name if member else next(called, "")

    def _would_orphan(self, account: Account) -> bool:
        """Whether this is the last owner in a chat."""
        chats = self._door.chats
        return self._roll.has_owner(chats) and not self._roll.has_owner(chats, beside=account)


def _on_page(asker: Asker) -> bool:
    """Whether what is said there is kept: a link would log in whoever reads it later."""
    return any(place.startswith(f"{WEB}/") for place in (asker.session, asker.target))
