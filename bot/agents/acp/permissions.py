"""Permission requests of a turn: open until someone answers or the turn ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from acp import schema

from bot.agents.base import CANCELLED, AgentEvent, PermissionOption, PermissionRequest
from bot.agents.text import one_line

MAX_OPEN = 32  # no agent asks for so many things at once; more are answered `cancelled`


class Permissions:
    def __init__(self, put: Callable[[AgentEvent], None]) -> None:
        self._put = put
        self._open: dict[str, tuple[asyncio.Future[str], frozenset[str]]] = {}
        self._asked = 0
        self._denying = False

    async def ask(
        self, tool: str, text: str, options: Sequence[schema.PermissionOption]
    ) -> schema.RequestPermissionResponse:
        if self._denying or len(self._open) >= MAX_OPEN:
            return _response(CANCELLED)
        self._asked += 1
        key = f"p{self._asked}"
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._open[key] = answer, frozenset(option.option_id for option in options)
        self._put(PermissionRequest(key, tool, text, tuple(_option(option) for option in options)))
        try:
            return _response(await answer)
        finally:
            self._open.pop(key, None)

    def answer(self, key: str, option: str) -> bool:
        """Option ids only as offered, or CANCELLED. False: not open (any more), or no such option."""
        answer, offered = self._open.get(key, (None, frozenset[str]()))
        if answer is None or answer.done() or not (option == CANCELLED or option in offered):
            return False
        answer.set_result(option)
        return True

    def deny_all(self) -> None:
        """Answer every open request `cancelled`, and those still to come: gemini's prompt never returns otherwise."""
        self._denying = True
        for answer, _ in self._open.values():
            if not answer.done():
                answer.set_result(CANCELLED)


def _option(option: schema.PermissionOption) -> PermissionOption:
    return PermissionOption(option.option_id, one_line(option.name, 60), option.kind)


def _response(option: str) -> schema.RequestPermissionResponse:
    if option == CANCELLED:
        return schema.RequestPermissionResponse(outcome=schema.DeniedOutcome(outcome="cancelled"))
    return schema.RequestPermissionResponse(outcome=schema.AllowedOutcome(outcome="selected", option_id=option))
