"""A chore as people see it: one line that grows a tick for each step, with the newest news of the one under way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from bot.hidden import shown
from dispatcher.model import Notice

NEWS = 100  # characters of the newest line that are shown
KEY = "progress"


class Shows(Protocol):
    """A reply under way (bot.replies.writer.ReplyWriter)."""

    def line(self, text: str, key: str, ended: bool) -> None: ...

    def notice(self, text: str) -> None: ...

    def text(self, delta: str) -> None: ...

    async def finish(self, footer: str = "", trouble: str = "") -> tuple[Notice, ...]: ...


class Progress:
    """bot.projects.workshop.Progress"""

    def __init__(self, shows: Shows, told: Callable[[str, str, str], None] = lambda step, state, text: None) -> None:
        """`told`: a step, that it has `begun`, is `done` or `failed`, and what came of it."""
        self._shows = shows
        self._told = told
        self._done: list[str] = []
        self._step = ""
        self._news = ""

    def begin(self, step: str) -> None:
        self._fail()  # what follows is its undoing
        self._step, self._news = step, ""
        self._told(step, "begun", "")
        self._show(ended=False)

    def line(self, text: str) -> None:
        self._news = " ".join(shown(text).split())[:NEWS]
        self._show(ended=False)

    def done(self, text: str) -> None:
        if text:
            self._done.append(f"✔ {text}")
        self._told(self._step, "done", text)
        self._step = ""
        self._show(ended=False)

    def say(self, text: str) -> None:
        self._shows.notice(text)

    def close(self) -> None:
        """Nothing more comes; networks where lines cannot change show it only now."""
        self._fail()
        self._show(ended=True)

    def _fail(self) -> None:
        if self._step:
            self._done.append(f"✘ {self._step}")
            self._told(self._step, "failed", "")
            self._step = ""

    def _show(self, *, ended: bool) -> None:
        now = [f"… {self._step}{f': {self._news}' if self._news else ''}"] if self._step else []
        if parts := [*self._done, *now]:
            self._shows.line("   ".join(parts), KEY, ended)
