"""Answers that grow in a thread by Slack's own streams, as long as one lives and the text only grows.

A stream takes additions only, dies about five minutes after it began, and can be ended by the person. From then on the
message that it made is edited like any other.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from transports.base import Choice, Disconnected, PermanentFailure, TemporaryFailure
from transports.slack.blocks import buttons, streamable
from transports.slack.model import StreamOver, Workspace

log = logging.getLogger(__name__)

LIFE = 240.0  # seconds; Slack ends one after about 300, whatever is written to it
GONE = 400.0  # seconds; by then it has
MOST = 200  # streams at the same time; those begun first become edits
LONGEST = 12_000  # characters of one call
AGAIN = 3_600.0  # seconds before streams are tried again where they cannot be had


@dataclass(slots=True)
class _Stream:
    channel: str
    text: str  # what was written to it
    begun: float
    unsure: bool = False  # more may have been written to it than `text`: only an edit makes sure


class Streams:
    def __init__(self, workspace: Workspace, clock: Callable[[], float] = time.monotonic) -> None:
        self._workspace = workspace
        self._clock = clock
        self._streams: OrderedDict[str, _Stream] = OrderedDict()  # those that live, by their message's ts
        self._none_before: dict[str, float] = {}  # by channel: until then none is begun there

    async def begin(
        self, channel: str, thread: str, recipient: str, text: str, choices: tuple[Choice, ...]
    ) -> str | None:
        """The message's ts; None: there is no stream to be had. Raises TemporaryFailure, Disconnected."""
        words = streamable(text)
        if not recipient or not words.strip() or len(words) > LONGEST:
            return None
        if self._clock() < self._none_before.get(channel, 0.0):
            return None
        unsure = False
        try:
            ts = await self._workspace.begin_stream(channel, thread, recipient, words, buttons(choices, ""))
        except StreamOver as exc:
            log.info("no streams in %s: %s", channel, exc)
            self._none_before[channel] = self._clock() + AGAIN
            return None
        except TemporaryFailure as exc:
            # Where Slack did not say that it was too much, it may have been begun although the answer got lost.
            found = None if exc.retry_after else await self._workspace.streamed(channel, thread, words)
            if found is None:
                raise
            ts, unsure = found, True
        self._streams[ts] = _Stream(channel, words, self._clock(), unsure)
        if len(self._streams) > MOST:
            await self._spare()
        return ts

    async def goes_on(self, ts: str, text: str) -> bool:
        """Bring the stream to `text`; False: that is for an edit to do, now and from now on."""
        stream = self._streams.get(ts)
        if stream is None:
            return False
        words = streamable(text)
        more = words.removeprefix(stream.text)
        only_grows = words.startswith(stream.text) and len(more) <= LONGEST
        if stream.unsure or not only_grows or self._clock() - stream.begun > LIFE:
            await self.end(ts)
            return False
        if not more:
            return True
        try:
            await self._workspace.append(stream.channel, ts, more)
        except StreamOver as exc:
            log.info("the stream %s is over: %s", ts, exc)
            self._streams.pop(ts, None)
            return False
        except BaseException:  # ended while Slack was asked, as well
            stream.unsure = True
            raise
        stream.text = words
        return True

    async def end(self, ts: str) -> None:
        """A message that still streams cannot be edited. Raises TemporaryFailure, Disconnected: it may still do."""
        stream = self._streams.get(ts)
        if stream is None:
            return
        if self._clock() - stream.begun < GONE:
            try:
                await self._workspace.end_stream(stream.channel, ts)
            except PermanentFailure as exc:
                log.info("the stream %s could not be ended: %s", ts, exc)
        self._streams.pop(ts, None)

    async def _spare(self) -> None:
        """End the one that began first."""
        try:
            await self.end(next(iter(self._streams)))
        except (TemporaryFailure, Disconnected) as exc:
            log.info("a stream could not be ended: %s", exc)
