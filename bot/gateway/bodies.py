"""Bodies of requests, within bounds of size and time."""

from __future__ import annotations

import asyncio

from aiohttp import web

from bot.gateway.model import Bounds

BOUNDS = web.AppKey("bounds", Bounds)


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
    except (ConnectionError, web.RequestPayloadError):
        raise web.HTTPBadRequest from None
