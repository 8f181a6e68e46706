"""A project's room is made where that is wanted; without one the project is as fine."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from bot.commands.model import Asker
from bot.replies.places import Places
from bot.rooms import Rooms
from bot.store.memory import Disk, MemoryStore
from dispatcher.model import Notice, StoreUnavailable
from tests.transport_fake import FakeTransport
from tests.virtual_time import run
from transports.base import Capabilities, PermanentFailure

ASKER = Asker("chat/lobby", "@ann", "Ann", "operator", "chat/lobby/thread", "chat", "e1")
ROOM = "chat/new"


class Host(FakeTransport):
    def __init__(self, *, rooms: bool = True) -> None:
        super().__init__(Capabilities(rooms=rooms), "chat")
        self.made: list[tuple[str, Sequence[str]]] = []
        self.trouble: Exception | None = None
        self.seconds = 0.0

    async def make_room(self, name: str, invited: Sequence[str]) -> str:
        await asyncio.sleep(self.seconds)
        if self.trouble:
            raise self.trouble
        self.made.append((name, invited))
        return ROOM


def play(host: Host, *, wanted: frozenset[str] = frozenset({"chat"}), full: bool = False) -> tuple[Disk, list[Notice]]:
    disk = Disk()
    told: list[Notice] = []

    async def tell(notices: Sequence[Notice]) -> None:
        told.extend(notices)

    async def main() -> None:
        store = MemoryStore(disk)
        sessions = Full() if full else store.sessions
        async with asyncio.TaskGroup() as group:
            rooms = Rooms(Places({"chat": host}), wanted, sessions, group, tell=tell)
            rooms.open("harbour", ASKER, "demo")
            await rooms.close()
        await store.close()

    run(main())
    return disk, told


class Full:
    async def begin(self, session: str, project: str, agent: str | None) -> None:
        raise StoreUnavailable("disk full")


def test_a_room_is_made_bound_and_told_of_in_both_places() -> None:
    host = Host()
    disk, told = play(host)
    assert host.made == [("harbour", ("@ann",))]
    assert (disk.sessions[ROOM].project, disk.sessions[ROOM].agent) == ("harbour", "demo")
    assert [notice.target for notice in told] == [ASKER.target, ROOM]


@pytest.mark.parametrize(("rooms", "wanted"), [(False, frozenset({"chat"})), (True, frozenset[str]())])
def test_none_is_made_where_it_cannot_be_or_is_not_wanted(rooms: bool, wanted: frozenset[str]) -> None:
    host = Host(rooms=rooms)
    disk, told = play(host, wanted=wanted)
    assert (host.made, told, disk.sessions) == ([], [], {})


@pytest.mark.parametrize(
    ("trouble", "seconds", "words"),
    [
        (PermanentFailure("not allowed."), 0.0, "could not be made: not allowed."),
        (None, 1e6, "the network did not answer"),
        (KeyError("x"), 0.0, "the log has it under"),
    ],
)
def test_a_room_that_cannot_be_made_is_said_and_the_project_is_fine(
    trouble: Exception | None, seconds: float, words: str
) -> None:
    host = Host()
    host.trouble, host.seconds = trouble, seconds
    disk, told = play(host)
    assert [notice.target for notice in told] == [ASKER.target]
    assert told[0].text.startswith("Project `harbour` is fine")
    assert words in told[0].text
    assert disk.sessions == {}


def test_a_room_that_could_not_be_bound_is_told_how_to_be() -> None:
    _, told = play(Host(), full=True)
    assert "say `use harbour` there" in told[0].text
