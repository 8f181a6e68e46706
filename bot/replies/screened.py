"""The one place where an agent's words enter, and those of other work: what is said behind it shows no secret.

Everybody who is told of a reply stands behind: live messages, the outbox, the run's record, events.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from bot.agents.base import ToolCall
from bot.happenings.witness import Reply
from bot.hidden import shown
from bot.replies.screen import Screen
from dispatcher.model import Notice

GATHERED = 0.05  # seconds that words gather behind the first, for to look through each few letters costs more
ENOUGH = 8_000  # characters that do not wait for it
MOMENT = 1.0  # seconds without a further word; then a few letters are shown, even if a secret may begin so


class ScreenedReply:
    """A reply around another. Words come in pieces, so what may become a secret waits for what follows it."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._screen = Screen()
        self._pieces: list[str] = []
        self._size = 0  # characters of them
        self._calls: set[str] = set()
        self._heard = 0.0  # the loop's seconds
        self._gathering: asyncio.TimerHandle | None = None
        self._easing: asyncio.TimerHandle | None = None
        self.answer = reply.answer

    def text(self, delta: str) -> None:
        self._pieces.append(delta)
        self._size += len(delta)
        if self._gathering is None or self._size >= ENOUGH:
            self._take()

    def tool(self, call: ToolCall) -> None:
        if call.id not in self._calls:  # it parts the words; news of an earlier one come in the middle of them
            self._calls.add(call.id)
            self._release()
        self._reply.tool(replace(call, title=shown(call.title), detail=shown(call.detail)))

    def line(self, text: str, key: str, ended: bool) -> None:
        self._reply.line(shown(text), key, ended)

    def notice(self, text: str) -> None:
        self._gathered()
        self._reply.notice(shown(text))

    def flush(self) -> asyncio.Future[None] | None:
        self._release()  # what it makes room for parts the words, as a call does
        return self._reply.flush()

    def mute(self) -> None:
        self._release()
        self._reply.mute()

    async def finish(self, footer: str = "", trouble: str = "") -> tuple[Notice, ...]:
        self._release()
        return await self._reply.finish(footer, shown(trouble))

    def _take(self) -> None:
        words = "".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        self._say(self._screen.take(words))
        loop = asyncio.get_running_loop()
        self._heard = loop.time()
        if self._gathering is None:
            self._gathering = loop.call_later(GATHERED, self._gathered)
        if self._easing is None and self._screen.holds:
            self._easing = loop.call_later(MOMENT, self._ease)

    def _gathered(self) -> None:
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None
        if self._pieces:
            self._take()

    def _ease(self) -> None:
        self._easing = None
        loop = asyncio.get_running_loop()
        if loop.time() < self._heard + MOMENT:
            self._easing = loop.call_at(self._heard + MOMENT, self._ease)
        else:
            self._say(self._screen.ease())

    def _release(self) -> None:
        for timer in (self._gathering, self._easing):
            if timer is not None:
                timer.cancel()
        self._gathering = self._easing = None
        words = self._screen.take("".join(self._pieces)) + self._screen.rest()
        self._pieces.clear()
        self._size = 0
        self._say(words)

    def _say(self, words: str) -> None:
        if words:
            self._reply.text(words)


def screened(writer: Callable[[int, str, str], Reply]) -> Callable[[int, str, str], ScreenedReply]:
    """Of a maker of replies (run, target and header) one whose replies show no secret."""
    return lambda run, target, header: ScreenedReply(writer(run, target, header))
