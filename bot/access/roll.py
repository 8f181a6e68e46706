"""The roll: who has which role. Held in memory, so that a look takes no time; kept in the store."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from bot.access.accounts import means, speaks_on
from bot.access.errors import NotAMember, NotWritten, OwnerBySettings
from bot.access.model import API, CONSOLE, Account
from bot.commands.model import Role
from bot.commands.registry import ROLES
from bot.store.records import Member
from bot.webhooks.model import HOOK
from dispatcher.model import StoreUnavailable


class Kept(Protocol):
    """Where grants are kept: bot.store.members.Members or its twin."""

    async def all(self) -> Sequence[Member]: ...

    def put(self, member: Member) -> Awaitable[None]: ...

    def remove(self, transport: str, user: str) -> Awaitable[bool]: ...


class Roll:
    def __init__(
        self,
        kept: Kept,
        owners: Sequence[str],
        clock: Callable[[], float] = time.time,
        *,
        token: Callable[[str], Role | None] = lambda name: None,
        hook: Callable[[str], Role | None] = lambda name: None,
    ) -> None:
        """`owners`: entries of `[access] allow`. `token`, `hook`: what the token or webhook of a name may do now."""
        self._kept = kept
        self._owners = tuple(dict.fromkeys(owners))
        self._clock = clock
        self._token = token
        self._hook = hook
        self._members: dict[Account, Member] = {}

    async def load(self) -> None:
        self._members = {Account(member.transport, member.user): member for member in await self._kept.all()}

    # ------------------------------------------------------------ looking

    def role(self, account: Account) -> Role | None:
        """None: a stranger."""
        if account.transport == API:  # first: neither settings nor grants give a name of a token anything
            return self._token(account.user)
        if account.transport == HOOK:  # nor that of a webhook
            return self._hook(account.user)
        if account.transport == CONSOLE or self.is_set(account):
            return "owner"
        member = self._members.get(account)
        if member is None:
            return None
        return next((role for role in ROLES if role == member.role), "guest")  # a newer version's word gives nothing

    def is_set(self, account: Account) -> bool:
        """Whether the settings make this account an owner."""
        return any(means(entry, account) for entry in self._owners)

    @property
    def members(self) -> Mapping[Account, Member]:
        """By grant."""
        return self._members

    @property
    def owners(self) -> Sequence[str]:
        """By the settings."""
        return self._owners

    def has_owner(self, transports: Sequence[str], *, beside: Account | None = None) -> bool:
        """Whether somebody who can be heard in a chat, not at the console, is an owner."""
        by_grant = (account for account, member in self._members.items() if member.role == "owner")
        return any(speaks_on(entry, name) for entry in self._owners for name in transports) or any(
            account.transport in transports and account != beside for account in by_grant
        )

    # ------------------------------------------------------------ changing

    async def grant(self, account: Account, name: str, role: Role, by: str) -> None:
        """Raises OwnerBySettings, StoreUnavailable (then nothing was changed)."""
        if self.is_set(account):
            raise OwnerBySettings(account=account)
        member = Member(account.transport, account.user, name, role, by, self._clock())
        await self._kept.put(member)
        self._members[account] = member

    async def revoke(self, account: Account) -> None:
        """Raises OwnerBySettings, NotAMember, NotWritten."""
        if self.is_set(account):
            raise OwnerBySettings(account=account)
        if account not in self._members:
            raise NotAMember(account=account)
        del self._members[account]  # first: what comes in while the disk is slow is a stranger's already
        try:
            await self._kept.remove(account.transport, account.user)
        except StoreUnavailable as exc:
            raise NotWritten(account=account, reason=exc) from exc
        self._members.pop(account, None)  # a grant that was being written meanwhile is on the disk no more
