"""People as settings and commands name them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from bot.access.errors import PersonAmbiguous, PersonUnknown
from bot.access.model import Account

MATRIX = "matrix"
_MATRIX_ID = re.compile(r"@[^\s:]+:\S+")
_MENTION = re.compile(r"<@([A-Z0-9]+)(?:\|[^>]*)?>")  # as Slack writes one


def is_matrix_id(user: str) -> bool:
    return _MATRIX_ID.fullmatch(user) is not None


def is_matrix(transport: str) -> bool:
    return transport == MATRIX or transport.startswith(f"{MATRIX}.")


def means(entry: str, account: Account) -> bool:
    """Whether an entry of the settings ("@me:example.org", "slack:U123") is this account.

    An id of Matrix names one person whichever of our accounts hears them; other ids hold on one transport alone.
    """
    if is_matrix_id(entry):
        return account.user == entry and is_matrix(account.transport)
    return entry == str(account)


def speaks_on(entry: str, transport: str) -> bool:
    """Whether whom an entry of the settings means could write on a transport."""
    return is_matrix(transport) if is_matrix_id(entry) else entry.startswith(f"{transport}:")


def resolved(word: str, known: Iterable[Account], transports: Sequence[str]) -> Account:
    """The account that a person typed. `transports`: of chats, those that are set up.

    Raises PersonAmbiguous, PersonUnknown.
    """
    if mention := _MENTION.fullmatch(word):
        word = mention[1]
    known = frozenset(known)
    named = {account for account in known if str(account) == word}
    if not named and not is_matrix_id(word):
        named = {Account(name, word[len(name) + 1 :]) for name in transports if word.startswith(f"{name}:")}
    found = named or {account for account in known if account.user == word} or _anew(word, transports)
    if len(found) > 1:
        raise PersonAmbiguous(user=word, accounts=" or ".join(f"`{account}`" for account in sorted(found)))
    if not found:
        raise PersonUnknown(user=word, networks=", ".join(transports) or "no network yet")
    return found.pop()


def _anew(word: str, transports: Sequence[str]) -> set[Account]:
    """Somebody who never wrote: an id of Matrix says its network by itself."""
    return {Account(name, word) for name in transports if is_matrix(name)} if is_matrix_id(word) else set()
