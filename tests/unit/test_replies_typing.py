"""The sign of work: on at once, kept up, taken back once, and never in anyone's way. On virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from bot.replies.places import Places
from bot.replies.typing import EVERY, PATIENCE, Typing
from tests.transport_fake import FakeTransport
from tests.virtual_time import run
from transports.base import Capabilities, TemporaryFailure

ROOM = "fake/room"


class Typist(FakeTransport):
    def __init__(self, *, can: bool = True) -> None:
        super().__init__(Capabilities(typing=can))
        self.signs: list[tuple[float, str, bool]] = []
        self.troubles: list[Exception] = []
        self.seconds = 0.0  # that a call takes

    async def typing(self, target: str, on: bool) -> None:
        await asyncio.sleep(self.seconds)
        self.signs.append((asyncio.get_running_loop().time() - 1000.0, target, on))
        if self.troubles:
            raise self.troubles.pop()


def play(typist: Typist, use: Callable[[Typing], Awaitable[None]]) -> list[tuple[float, str, bool]]:
    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            await use(Typing(Places({"fake": typist}), group))

    run(main())
    return typist.signs


def test_it_is_shown_at_once_kept_up_and_taken_back() -> None:
    async def use(typing: Typing) -> None:
        typing.show(1, ROOM, True)
        await asyncio.sleep(EVERY * 2.5)
        typing.show(1, ROOM, False)

    signs = play(Typist(), use)
    assert signs == [(0, ROOM, True), (EVERY, ROOM, True), (EVERY * 2, ROOM, True), (EVERY * 2.5, ROOM, False)]


def test_it_stays_while_another_run_works_for_the_same_place() -> None:
    async def use(typing: Typing) -> None:
        typing.show(1, ROOM, True)
        typing.show(2, ROOM, True)
        await asyncio.sleep(1)
        typing.show(1, ROOM, False)
        await asyncio.sleep(1)
        assert all(on for _, _, on in typist.signs)
        typing.show(2, ROOM, False)

    typist = Typist()
    assert play(typist, use)[-1] == (2, ROOM, False)


def test_a_run_that_begins_while_the_sign_is_taken_back_has_its_own() -> None:
    async def use(typing: Typing) -> None:
        typing.show(1, ROOM, True)
        await asyncio.sleep(5)
        typing.show(1, ROOM, False)
        await asyncio.sleep(0.5)
        typing.show(2, ROOM, True)
        await asyncio.sleep(5)
        assert typist.signs[-1][2]
        typing.show(2, ROOM, False)

    typist = Typist()
    typist.seconds = 1.0
    signs = play(typist, use)
    assert not signs[-1][2]


def test_trouble_is_nobody_elses() -> None:
    async def use(typing: Typing) -> None:
        typing.show(1, ROOM, True)
        await asyncio.sleep(1)
        typing.show(1, ROOM, False)

    typist = Typist()
    typist.troubles = [RuntimeError("a defect"), TemporaryFailure("busy")]
    assert [on for _, _, on in play(typist, use)] == [True, False]


def test_a_network_that_hangs_does_not_hold_up_the_end() -> None:
    async def use(typing: Typing) -> None:
        typing.show(1, ROOM, True)
        typing.show(1, ROOM, False)

    typist = Typist()
    typist.seconds = 1e9
    assert play(typist, use) == []


def test_a_transport_without_it_is_left_alone() -> None:
    async def use(typing: Typing) -> None:
        typing.show(1, ROOM, True)
        typing.show(1, "gone/room", True)
        typing.show(1, ROOM, False)

    assert play(Typist(can=False), use) == []
    assert PATIENCE < EVERY
