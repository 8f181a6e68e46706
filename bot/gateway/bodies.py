"""Bodies of requests, within bounds of size and time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from bot.gateway.model import Bounds

BOUNDS = web.AppKey("bounds", Bounds)
PROGRESS = 16_384  # bytes that must come within the patience for a body: what crawls holds a place as well

# What reading a body may raise where the other side is gone.
_GONE = (ConnectionError, web.RequestPayloadError)


async def read(request: web.Request) -> bytes:
    """The whole body, as it came (compressed ones stay so: signatures are over what was sent).

    Raises HTTPRequestEntityTooLarge, HTTPRequestTimeout, HTTPBadRequest (the other side is gone half-way).
    """
    bounds = request.app[BOUNDS]
    announced = request.content_length or 0
    if announced > bounds.max_body:
        raise web.HTTPRequestEntityTooLarge(bounds.max_body, announced)
    try:
        async with asyncio.timeout(bounds.body_patience):
            return await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    except _GONE:
        raise web.HTTPBadRequest from None


class Arriving:
    """bot.gateway.api.model.Incoming: a body of any length, as it comes. The gateway's `max_body` is not for it."""

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self._patience = request.app[BOUNDS].body_patience

    @property
    def announced(self) -> int | None:
        return self._request.content_length

    async def pieces(self, most: int) -> AsyncIterator[bytes]:
        """Raises HTTPRequestEntityTooLarge, HTTPRequestTimeout, HTTPBadRequest."""
        size = self.announced or 0
        if size > most:
            raise web.HTTPRequestEntityTooLarge(most, size)
        size = gathered = 0
        left = self._patience
        while True:
            piece, took = await self._next(left)
            if not piece:
                return
            size, gathered, left = size + len(piece), gathered + len(piece), left - took
            if size > most:
                raise web.HTTPRequestEntityTooLarge(most, size)
            if gathered >= PROGRESS:
                gathered, left = 0, self._patience
            yield piece

    async def _next(self, left: float) -> tuple[bytes, float]:
        """What comes next, b"" at the end, and how long it took; time that its reader takes is not counted."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(left):
                return await self._request.content.readany(), loop.time() - began
        except TimeoutError:
            raise web.HTTPRequestTimeout from None
        except _GONE:
            raise web.HTTPBadRequest from None
