"""The door: what happens to people who are not on the roll. They cost no run and no row."""

from __future__ import annotations

import hmac
import re
import time
from collections.abc import Callable, Sequence

from bot.access import words
from bot.access.limits import HOUR, Answered, Guesses
from bot.access.model import CONSOLE, Account, Caller, Pairing
from bot.access.roll import Roll
from bot.commands import codes
from bot.commands.registry import ROLES
from dispatcher.model import StoreUnavailable
from transports.base import Inbound

CALLERS = 3  # with a code that counts, at most, for each transport
_PAIR = re.compile(r"[/!]?pair\s+(\S{1,40}(?: \S{1,40})?)", re.IGNORECASE)


class Door:
    def __init__(
        self,
        roll: Roll,
        transports: Callable[[], Sequence[str]],  # all that are set up, the console among them
        tell: Callable[[str], None],  # for whoever runs the bot: its console's screen, else its log
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._roll = roll
        self._transports = transports
        self._tell = tell
        self._clock = clock
        self._guesses = Guesses(clock)
        self._answered = Answered(clock)
        self._callers: dict[str, Caller] = {}  # by code
        self._code = ""  # makes its bearer the owner, once; "": none counts
        self.turned_away = 0  # messages of strangers and guests since the start

    @property
    def chats(self) -> tuple[str, ...]:
        return tuple(name for name in self._transports() if name != CONSOLE)

    def open(self) -> None:
        """At the start: while nobody in a chat is an owner, print the code that makes one."""
        if self.chats and not self._roll.has_owner(self.chats):
            self._code = codes.make()
            self._tell(words.pairing_code(self._code))

    def admits(self, account: Account, *, direct: bool) -> bool:
        """Whether to go where this account invites us: to those we know, and to a first owner who has yet to pair."""
        role = self._roll.role(account)
        if role is not None and ROLES.index(role) >= ROLES.index("member"):
            return True
        return direct and not self._roll.has_owner(self.chats)

    # ------------------------------------------------------------ strangers

    def count(self) -> None:
        self.turned_away += 1

    def turn_away(self, inbound: Inbound) -> str:
        """What a stranger, or a guest, is told; "": nothing."""
        self.count()
        account = Account(inbound.transport, inbound.sender)
        if inbound.answers or not (inbound.direct or inbound.addressed) or not self._answered.first(account):
            return ""
        if self._roll.role(account) is not None:
            return words.GUEST
        return words.stranger(self._call(account, inbound), owned=self._roll.has_owner(self.chats))

    def _call(self, account: Account, inbound: Inbound) -> str:
        """A code for this account; "": too many people ask at this moment."""
        waiting = self.callers()
        if sum(caller.account.transport == account.transport for caller in waiting) >= CALLERS:
            return ""
        code = codes.make()
        self._callers[code] = Caller(account, inbound.sender_name, code, inbound.target, self._clock())
        return code

    def callers(self) -> tuple[Caller, ...]:
        """Who was given a code that still counts, the longest waiting first."""
        now = self._clock()
        self._callers = {code: caller for code, caller in self._callers.items() if now - caller.at < HOUR}
        return tuple(self._callers.values())

    def caller(self, code: str) -> Caller | None:
        return next((caller for caller in self.callers() if hmac.compare_digest(caller.code, code)), None)

    def let_in(self, account: Account) -> None:
        """This account has a role now: its code, and where that role is owner the pairing code, count no more."""
        self._callers = {code: caller for code, caller in self._callers.items() if caller.account != account}
        if self._roll.has_owner(self.chats):
            self._code = ""

    # ------------------------------------------------------------ pairing

    @staticmethod
    def attempt(inbound: Inbound) -> str | None:
        """The code that a message offers; None: it is no attempt to pair."""
        found = _PAIR.fullmatch(inbound.text.strip())
        if found is None:
            return None
        code = codes.read(found[1].replace(" ", ""))
        return code or (found[1] if inbound.direct or inbound.addressed else None)

    async def pair(self, account: Account, name: str, code: str) -> Pairing:
        """Raises StoreUnavailable: the code was right, and counts again."""
        if not self._guesses.allowed(account):
            return "too often"
        right, self._code = self._code, ""  # taken out first: while it is being written down nobody else can use it
        if not right or not hmac.compare_digest(right.encode(), code.encode(errors="replace")):
            self._code = right
            self._guesses.note(account)
            return "wrong"
        try:
            await self._roll.grant(account, name, "owner", "the pairing code")
        except StoreUnavailable:
            self._code = right
            raise
        self.let_in(account)
        self._tell(words.paired_notice(account, name))
        return "paired"
