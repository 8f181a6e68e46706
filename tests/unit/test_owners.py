"""Owners hear of a failing transport on the others."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from bot.owners import CONSOLE_TARGET, Owners
from dispatcher.model import StoreUnavailable
from tests.virtual_time import run

OWNERS = {("chat", "@ann"), ("other", "U1"), ("third", "T1"), ("console", "me")}
DIRECTS = {
    ("chat", "@ann"): "chat/dm",
    ("other", "U1"): "other/dm",
    ("other", "U2"): "other/bob",
    ("console", "me"): CONSOLE_TARGET,
}


class Store:
    def __init__(self, *, away: bool = False) -> None:
        self.away = away

    async def direct_targets(self) -> Mapping[tuple[str, str], str]:
        if self.away:
            raise StoreUnavailable("disk full")
        return DIRECTS


def told(store: Store, failing: str = "chat") -> list[str]:
    said: list[str] = []

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            owners = Owners(store, lambda *who: who in OWNERS, lambda target, text: said.append(target), group)
            owners.tell(failing, "it does not work")

    run(main())
    return said


def test_every_owner_is_told_wherever_it_still_works() -> None:
    assert told(Store()) == [CONSOLE_TARGET, "other/dm"]
    assert told(Store(), "console") == ["chat/dm", "other/dm"]


def test_without_the_store_the_console_is_told() -> None:
    assert told(Store(away=True)) == [CONSOLE_TARGET]
