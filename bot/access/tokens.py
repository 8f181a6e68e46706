"""Tokens of programs, in `<data>/access/tokens.json`. Made and revoked by `tugbot token`, while the bot runs too."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

from bot import private
from bot.access import keys
from bot.access.errors import TokenExists, TokenMissing, TokenNameInvalid
from bot.access.model import Token
from bot.commands.model import Role
from bot.commands.registry import ROLES

log = logging.getLogger(__name__)

DAY = 86_400.0  # seconds
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}", re.ASCII)


class Tokens:
    """A look costs one question to the file system: the file is read again where it is another than before."""

    def __init__(self, data: Path, clock: Callable[[], float] = time.time) -> None:
        self._folder = data / "access"
        self._path = self._folder / "tokens.json"
        self._clock = clock
        self._read: private.Mark = None
        self._by_digest: Mapping[str, Token] = {}
        self._by_name: Mapping[str, Token] = {}

    # ------------------------------------------------------------ the bot's side

    def find(self, key: str) -> Token | None:
        """Whose token this is; None: nobody's, or one that counts no more."""
        self._refresh()
        return self._counting(self._by_digest.get(keys.digest(key)))

    def role(self, name: str) -> Role | None:
        """What the token of this name may do now."""
        self._refresh()
        token = self._counting(self._by_name.get(name))
        return token.role if token else None

    def counting(self) -> tuple[Token, ...]:
        """By name."""
        self._refresh()
        return tuple(token for token in self._by_name.values() if not is_over(token, self._clock()))

    def knows(self, digest: str) -> bool:
        self._refresh()
        return digest in self._by_digest

    def _counting(self, token: Token | None) -> Token | None:
        return None if token is None or is_over(token, self._clock()) else token

    def _refresh(self) -> None:
        found = private.mark(self._path)
        if found == self._read:
            return
        self._read = found
        try:
            tokens = self.all()
        except private.Unreadable as exc:
            log.error("no token counts: %s", exc)  # once for each version of the file
            tokens = ()
        self._by_digest = {token.digest: token for token in tokens}
        self._by_name = {token.name: token for token in tokens}

    # ------------------------------------------------------------ the command's side

    def all(self) -> tuple[Token, ...]:
        """By name, those that are over included. Raises Unreadable."""
        document = private.read(self._path)
        if document is None:
            return ()
        try:
            return tuple(_token(name, fields) for name, fields in sorted(cast("dict[str, object]", document).items()))
        except (AttributeError, KeyError, TypeError, ValueError):
            raise private.damaged(self._path) from None

    def create(self, name: str, role: Role, days: float | None = None) -> str:
        """The new token, which nothing can show again. Raises TokenNameInvalid, TokenExists, Unreadable, OSError."""
        if not _NAME.fullmatch(name):
            raise TokenNameInvalid
        now, key = self._clock(), keys.make(keys.TOKEN)
        with private.changing(self._folder):
            tokens = self.all()
            # One that is over goes at once: its name may be used again, and nobody calls with it.
            kept = tuple(token for token in tokens if token.name != name or not is_over(token, now))
            if any(token.name == name for token in kept):
                raise TokenExists(name=name)
            self._write((*kept, Token(name, role, keys.digest(key), now, now + days * DAY if days else None)))
        return key

    def revoke(self, name: str) -> None:
        """Raises TokenMissing, Unreadable, OSError."""
        with private.changing(self._folder):
            tokens = self.all()
            kept = tuple(token for token in tokens if token.name != name)
            if len(kept) == len(tokens):
                raise TokenMissing(name=name)
            self._write(kept)

    def _write(self, tokens: tuple[Token, ...]) -> None:
        private.replace(
            self._path, {token.name: _fields(token) for token in sorted(tokens, key=lambda each: each.name)}
        )


def is_over(token: Token, now: float) -> bool:
    return token.expires_at is not None and now >= token.expires_at


def _fields(token: Token) -> dict[str, object]:
    return {
        "role": token.role,
        "sha256": token.digest,
        "made_at": token.made_at,
        "expires_at": token.expires_at,
    }


def _token(name: str, fields: object) -> Token:
    """Raises KeyError, TypeError, ValueError for what no version of ours wrote: then none counts."""
    fields = cast("dict[str, object]", fields)
    expires = fields["expires_at"]
    return Token(
        name=name,
        role=next((role for role in ROLES if role == fields["role"]), "guest"),  # a newer version's word gives nothing
        digest=str(fields["sha256"]),
        made_at=float(cast("float", fields["made_at"])),
        expires_at=None if expires is None else float(cast("float", expires)),
    )
