"""Links made by `tugbot page`, in `<data>/access/links.json`: whoever may write there is the bot's owner anyway.

They are links like those in memory (links.py), but another process made them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

from bot import private
from bot.access import keys
from bot.access.links import LIFE, OF_ONE, Link
from bot.access.model import Account

log = logging.getLogger(__name__)


class Invitations:
    def __init__(self, data: Path, clock: Callable[[], float] = time.time) -> None:
        self._folder = data / "access"
        self._path = self._folder / "links.json"
        self._clock = clock

    def make(self, account: Account, name: str) -> str:
        """The command's side: a new secret. Raises Unreadable, OSError."""
        key = keys.make(keys.LINK)
        with private.changing(self._folder):
            kept = sorted(self._alive().values(), key=lambda link: link.at)[1 - OF_ONE :]
            self._write([*kept, Link(account, name, keys.digest(key), self._clock())])
        return key

    def redeem(self, key: str) -> Link | None:
        """The bot's side: whom a secret stands for; it counts no more."""
        if private.mark(self._path) is None:
            return None
        digest = keys.digest(key)
        try:
            with private.changing(self._folder):
                links = self._alive()
                if digest in links:
                    self._write([link for link in links.values() if link.digest != digest])
        except (private.Unreadable, OSError) as exc:
            log.error("no link of `tugbot page` counts: %s", exc)  # one that stays on the disk would count twice
            return None
        return links.get(digest)

    def _alive(self) -> Mapping[str, Link]:
        """By digest. Raises Unreadable."""
        document = private.read(self._path)
        try:
            links = [_link(digest, fields) for digest, fields in cast("dict[str, object]", document or {}).items()]
        except (AttributeError, KeyError, TypeError, ValueError):
            raise private.damaged(self._path) from None
        now = self._clock()
        return {link.digest: link for link in links if 0 <= now - link.at < LIFE}

    def _write(self, links: list[Link]) -> None:
        private.replace(self._path, {link.digest: _fields(link) for link in links})


def _fields(link: Link) -> Mapping[str, object]:
    return {"transport": link.account.transport, "user": link.account.user, "name": link.name, "made_at": link.at}


def _link(digest: str, fields: object) -> Link:
    given = cast("dict[str, str]", fields)
    return Link(Account(given["transport"], given["user"]), given["name"], digest, float(given["made_at"]))
