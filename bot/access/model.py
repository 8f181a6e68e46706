"""The words of access. No logic here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from bot.commands.model import Role

CONSOLE = "console"  # the transport whose user is whoever may start the bot
API = "api"  # the transport of tokens: Account(API, name of the token)


@dataclass(frozen=True, slots=True, order=True)
class Account:
    """A person on one network; the same id on another network may be anybody."""

    transport: str
    user: str  # the network's id

    def __str__(self) -> str:
        return f"{self.transport}:{self.user}"


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody nobody knows, who was given a code to hand to an owner."""

    account: Account
    name: str  # as the network shows it: their own choice, so proof of nothing
    code: str
    target: str  # where they wrote, and hear what became of it
    at: float  # seconds of the door's clock


# What came of a pairing code. wrong: also where none counts, so that nobody can tell the two apart.
Pairing: TypeAlias = Literal["paired", "wrong", "too often"]


@dataclass(frozen=True, slots=True)
class Token:
    """What a program calls with, as it is kept: without what makes it one."""

    name: str
    role: Role
    digest: str  # SHA-256 of the token, in hexadecimal
    made_at: float  # Unix seconds
    expires_at: float | None = None  # None: when it is revoked


@dataclass(frozen=True, slots=True)
class Login:
    """A browser in which somebody is logged in."""

    account: Account
    name: str  # as their network shows them
    digest: str  # SHA-256 of the cookie, in hexadecimal
    made_at: float  # Unix seconds
