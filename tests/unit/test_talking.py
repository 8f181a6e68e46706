"""A transport that fails is told once, waited for and run again; the others never notice. On virtual time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import pytest

from bot.talking import FIRST_DELAY, LASTING_DELAY, LONGEST_DELAY, STEADY, Talking
from dispatcher.model import Fenced, StoreUnavailable
from tests.transport_fake import FakeReceiver
from tests.virtual_time import run
from transports.base import Disconnected, Receiver


class Scripted:
    """Each run takes the next step: an exception is raised, a number of seconds lasts; then it ends by itself."""

    name = "chat"

    def __init__(self, *steps: Exception | tuple[float, Exception]) -> None:
        self.steps = list(steps)
        self.began: list[float] = []

    async def run(self, receiver: Receiver) -> None:
        self.began.append(asyncio.get_running_loop().time())
        if not self.steps:
            return
        step = self.steps.pop(0)
        seconds, error = step if isinstance(step, tuple) else (0.0, step)
        await asyncio.sleep(seconds)
        raise error


class World:
    def __init__(self, *steps: Exception | tuple[float, Exception]) -> None:
        self.transport = Scripted(*steps)
        self.told: list[tuple[str, str]] = []
        self.seen: list[Sequence[str]] = []  # the trouble at each wait
        self.waits: list[float] = []
        self.talking = Talking(lambda name, text: self.told.append((name, text)), clock=lambda: 0.0, sleep=self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.seen.append(self.talking.trouble())
        await asyncio.sleep(seconds)

    def play(self) -> World:
        async def main() -> None:
            await self.talking.run(self.transport, FakeReceiver())  # type: ignore[arg-type]

        run(main())
        return self


def test_one_that_ends_by_itself_is_left_alone() -> None:
    world = World().play()
    assert (world.told, world.waits, world.talking.trouble()) == ([], [], ())


def test_a_network_that_is_gone_is_told_once_and_tried_ever_more_rarely(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        world = World(*(Disconnected("the server does not answer") for _ in range(9))).play()
    assert world.waits == [FIRST_DELAY, 2, 4, 8, 16, 32, LONGEST_DELAY, LONGEST_DELAY, LONGEST_DELAY]
    assert [name for name, _ in world.told] == ["chat"]
    assert "the server does not answer. It is tried again" in world.told[0][1]
    assert len(caplog.records) == 1
    assert all("the server does not answer" in line for (line,) in world.seen)
    assert world.talking.trouble() == ()


def test_what_somebody_must_mend_is_tried_rarely() -> None:
    world = World(Disconnected("the token was revoked", lasting=True), Disconnected("gone")).play()
    assert world.waits == [LASTING_DELAY, FIRST_DELAY]
    assert "Somebody has to mend that" in world.told[0][1]


def test_working_for_a_while_ends_the_trouble_and_a_later_failure_is_a_new_one() -> None:
    world = World(Disconnected("one"), (STEADY / 2, Disconnected("two")), (STEADY + 1, Disconnected("three"))).play()
    assert [text.split(": ")[1].split(".")[0] for _, text in world.told] == ["one", "three"]
    assert world.waits == [FIRST_DELAY, 2, FIRST_DELAY]


def test_a_defect_is_logged_with_a_reference_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        world = World(KeyError("oops")).play()
    assert "oops" not in world.told[0][1]
    reference = caplog.records[0].getMessage().rpartition(" ")[2]
    assert reference in world.told[0][1]
    assert "oops" in str(caplog.records[0].exc_info)


def test_what_a_task_group_wraps_is_seen() -> None:
    wrapped = ExceptionGroup("tasks", [ValueError("other"), ExceptionGroup("deeper", [Disconnected("gone")])])
    assert "gone" in World(wrapped).play().told[0][1]


def test_a_store_that_cannot_be_written_is_waited_for_in_silence() -> None:
    world = World(StoreUnavailable("disk full"), ExceptionGroup("tasks", [StoreUnavailable("disk full")])).play()
    assert (world.told, world.waits, world.seen) == ([], [FIRST_DELAY, 2], [(), ()])


def test_a_store_that_fails_in_between_hides_nothing() -> None:
    world = World(StoreUnavailable("full"), Disconnected("gone"), StoreUnavailable("full"), Disconnected("gone")).play()
    assert len(world.told) == 1
    assert [len(lines) for lines in world.seen] == [0, 1, 1, 1]


@pytest.mark.parametrize("error", [Fenced(), ExceptionGroup("tasks", [Disconnected("gone"), Fenced()])])
def test_a_newer_bot_ends_it(error: Exception) -> None:
    with pytest.raises(Fenced):
        World(error).play()


def test_cancelling_it_is_no_failure() -> None:
    async def main() -> None:
        world = World((1000.0, Disconnected("never")))
        talking = asyncio.ensure_future(world.talking.run(world.transport, FakeReceiver()))  # type: ignore[arg-type]
        await asyncio.sleep(1)
        talking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await talking
        assert (world.told, world.talking.trouble()) == ([], ())

    run(main())
