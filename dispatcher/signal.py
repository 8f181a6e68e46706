"""How a run learns that it shall end."""

from __future__ import annotations

import asyncio


class Signal:
    """Implements StopSignal. The first reason stays; asking again only hurries."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._reason: str | None = None
        self._hurry = asyncio.Event()

    @property
    def reason(self) -> str | None:
        return self._reason

    @property
    def hurried(self) -> bool:
        return self._hurry.is_set()

    def request(self, reason: str) -> None:
        if self._reason is None:
            self._reason = reason
            self._event.set()
        elif reason == "stop":
            self._hurry.set()

    async def wait(self) -> str:
        await self._event.wait()
        assert self._reason is not None
        return self._reason

    async def wait_hurried(self) -> None:
        await self._hurry.wait()
