"""Keeps transports talking: one that fails is told, waited for and run again, and never takes the others down."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot import logs
from bot.happenings.model import Tell, TransportFailed, TransportWorks, nobody
from dispatcher.model import Fenced, StoreUnavailable
from transports.base import Disconnected, Receiver, Transport

log = logging.getLogger(__name__)

FIRST_DELAY = 1.0  # seconds before the second attempt; doubled each time
LONGEST_DELAY = 60.0
LASTING_DELAY = 300.0  # where somebody has to do something first
STEADY = 90.0  # seconds that an attempt must last for the trouble to count as over; longer than the longest delay


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a `run` ended that should have gone on."""

    reason: str
    lasting: bool = False
    told: bool = True  # people hear of it; a store that cannot be written tells of itself


@dataclass(eq=False, slots=True)
class Episode:
    """The time from a transport's failure until it has worked for a while again."""

    since: float  # wall seconds
    failure: Failure
    delay: float = 0.0  # seconds that it waits, or waited, before the latest attempt
    waiting: bool = False  # for that attempt


class Talking:
    """Runs transports. Their troubles are kept for `status`, logged and told once per episode."""

    def __init__(
        self,
        tell: Callable[[str, str], None],
        *,
        happened: Tell = nobody,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`tell`: the name of the transport that fails, and what its owner is told elsewhere. Must not raise."""
        self._tell = tell
        self._happened = happened
        self._clock = clock
        self._sleep = sleep
        self._episodes: dict[str, Episode] = {}  # by transport

    async def run(self, transport: Transport, receiver: Receiver) -> None:
        """Until the transport has no more messages to come, or until cancelled. Raises Fenced."""
        logs.about(transport=transport.name)
        while (failure := await self._attempt(transport, receiver)) is not None:
            await self._wait(self._failed(transport.name, failure))
        self._over(transport.name)

    def trouble(self) -> tuple[str, ...]:
        """What does not work at this moment, a line for each transport."""
        return tuple(_line(name, each) for name, each in self._episodes.items() if each.failure.told)

    def failing(self) -> frozenset[str]:
        """The transports that do not work at this moment."""
        return frozenset(name for name, each in self._episodes.items() if each.failure.told)

    async def _attempt(self, transport: Transport, receiver: Receiver) -> Failure | None:
        """None: it ended by itself."""
        alarm = asyncio.get_running_loop().call_later(STEADY, self._steady, transport.name)
        try:
            await transport.run(receiver)
        except Exception as exc:
            return _failure(transport.name, exc)
        finally:
            alarm.cancel()
        return None

    def _steady(self, name: str) -> None:
        if self._over(name):
            log.info("transport %s works again", name)

    def _over(self, name: str) -> bool:
        """Whether there was trouble."""
        episode = self._episodes.pop(name, None)
        if episode is not None and episode.failure.told:
            self._happened(TransportWorks(transport=name))
        return episode is not None

    def _failed(self, name: str, failure: Failure) -> Episode:
        episode = self._episodes.get(name)
        known = episode is not None and (episode.failure.told or not failure.told)
        if episode is None:
            episode = self._episodes[name] = Episode(self._clock(), failure)
        # A store that fails in between must not hide what the network said.
        episode.failure = failure if failure.told or not episode.failure.told else episode.failure
        if not known:
            log.warning("transport %s ended: %s", name, failure.reason)
            if failure.told:
                self._tell(name, _news(name, failure))
                self._happened(TransportFailed(transport=name, reason=failure.reason, lasting=failure.lasting))
        episode.delay = _delay(episode.delay, failure)
        return episode

    async def _wait(self, episode: Episode) -> None:
        episode.waiting = True
        try:
            await self._sleep(episode.delay)
        finally:
            episode.waiting = False


def _delay(last: float, failure: Failure) -> float:
    if failure.lasting:
        return LASTING_DELAY
    return min(last * 2, LONGEST_DELAY) if 0 < last < LASTING_DELAY else FIRST_DELAY


def _failure(name: str, exc: Exception) -> Failure:
    """Raises Fenced where that is what it was."""
    causes = list(_causes(exc))
    for cause in causes:
        if isinstance(cause, Fenced):
            raise cause
    for cause in causes:
        if isinstance(cause, Disconnected):
            return Failure(str(cause), cause.lasting)
    if all(isinstance(cause, StoreUnavailable) for cause in causes):
        return Failure(str(causes[0]), told=False)
    reference = secrets.token_hex(4)
    log.error("transport %s failed, reference %s", name, reference, exc_info=exc, extra={"reference": reference})
    return Failure(f"it failed inside Tugbot; the log has it under {reference}")


def _causes(exc: Exception) -> list[Exception]:
    """What a task group of the transport has wrapped."""
    if isinstance(exc, ExceptionGroup):
        return [cause for each in exc.exceptions for cause in _causes(each)]
    return [exc]


def _news(name: str, failure: Failure) -> str:
    again = (
        f"Somebody has to mend that; it is tried again every {LASTING_DELAY / 60:.0f} minutes."
        if failure.lasting
        else "It is tried again until it works."
    )
    return f"Transport `{name}` does not work: {_sentence(failure.reason)} {again} `status` shows how it stands."


def _line(name: str, episode: Episode) -> str:
    since = time.strftime("%H:%M", time.localtime(episode.since))
    again = f"tried again every {episode.delay:.0f} s" if episode.waiting else "being tried again"
    return f"Transport `{name}` does not work since {since} ({again}): {_sentence(episode.failure.reason)}"


def _sentence(reason: str) -> str:
    line = " ".join(reason.split()) or "it did not say why"
    return line if line[-1] in ".!?" else f"{line}."
