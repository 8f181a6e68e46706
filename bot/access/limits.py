"""How often strangers may do what they may: counted in memory, and forgotten with it. Pure but for the clock."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from bot.access.model import Account

HOUR = 3600.0  # seconds
GUESSES_OF_ONE = 5  # an hour and person
GUESSES = 20  # an hour and transport: one person may have many accounts
REMEMBERED = 10_000  # strangers who were answered


class Guesses:
    """Wrong pairing codes of the last hour."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._made: list[tuple[float, Account]] = []  # at most GUESSES for each transport: further ones are not heard

    def allowed(self, account: Account) -> bool:
        now = self._clock()
        self._made = [(at, by) for at, by in self._made if now - at < HOUR]
        theirs = [by for _, by in self._made if by.transport == account.transport]
        return len(theirs) < GUESSES and theirs.count(account) < GUESSES_OF_ONE

    def note(self, account: Account) -> None:
        self._made.append((self._clock(), account))


class Answered:
    """Strangers who were answered within the last hour."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._at: OrderedDict[Account, float] = OrderedDict()

    def first(self, account: Account) -> bool:
        """Whether this is the first answer of an hour; it counts as given."""
        now = self._clock()
        if (last := self._at.get(account)) is not None and now - last < HOUR:
            return False
        self._at[account] = now
        self._at.move_to_end(account)
        while len(self._at) > REMEMBERED:
            self._at.popitem(last=False)
        return True
