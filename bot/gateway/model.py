"""The words of the gateway. No logic here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from bot.access.model import Account
from bot.commands.model import Role

Enabled: TypeAlias = Literal["auto", "on", "off"]

HEADERS_PATIENCE = 75.0  # seconds, as for the next request of a connection: longer than nginx keeps one (60)
BODY_PATIENCE = 10.0  # seconds from a request's headers to the end of its body
MAX_HOOKS = 256  # requests to hooks that are answered at the same time


@dataclass(frozen=True, slots=True)
class Address:
    """Where the gateway listens, and what is declared about the way there."""

    listen: str = "127.0.0.1"  # a numeric address
    port: int = 8808  # 0: a free one
    behind_proxy: bool = False  # one with TLS
    public_host: str = ""  # the name that the proxy is reached by; "": none


@dataclass(frozen=True, slots=True)
class Bounds:
    max_body: int = 1_000_000  # bytes
    body_patience: float = BODY_PATIENCE
    headers_patience: float = HEADERS_PATIENCE
    max_hooks: int = MAX_HOOKS
    max_connections: int | None = None  # None: as the limit of open files allows


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request, as the roll has it at that moment."""

    account: Account
    name: str  # as people read it: a token's, or the person's
    role: Role
