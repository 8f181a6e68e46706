"""The server: one port, both protocols, a record of what was asked and of who hung up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.model_api import anthropic, openai
from tests.model_api.script import Act, Fail, Say, User, next_act


@dataclass
class ModelApi:
    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)  # bodies, as they came
    hung_up: int = 0  # answers that the program did not read to their end
    first_piece: list[float] = field(default_factory=list)  # monotonic seconds at which each answer's text began

    async def messages(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append(body)
        act = _act(anthropic.users(body), body)
        if isinstance(act, Fail):
            return _failure(act)
        if not body.get("stream"):
            return web.json_response(anthropic.whole(act, body))
        return await self._streamed(request, anthropic.stream(act, body))

    async def responses(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append(body)
        act = _act(openai.users(body), body)
        if isinstance(act, Fail):
            return _failure(act)
        return await self._streamed(request, openai.stream(act, body))

    async def count_tokens(self, request: web.Request) -> web.Response:
        return web.json_response({"input_tokens": 10})

    async def models(self, request: web.Request) -> web.Response:
        return web.json_response({"data": [], "models": [], "object": "list", "has_more": False})

    async def _streamed(self, request: web.Request, events: Iterator[tuple[str, float]]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        await response.prepare(request)
        begun = False
        try:
            for event, pause in events:
                if pause:
                    await asyncio.sleep(pause)
                if not begun and "delta" in event[:40]:
                    begun = True
                    self.first_piece.append(time.monotonic())
                await response.write(event.encode())
        except ConnectionError:
            self.hung_up += 1
        except asyncio.CancelledError:
            self.hung_up += 1
            raise
        return response


@asynccontextmanager
async def serving(port: int = 0) -> AsyncIterator[ModelApi]:
    """Serve on 127.0.0.1 while the context is open."""
    api = ModelApi()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_post("/v1/messages", api.messages)
    app.router.add_post("/v1/messages/count_tokens", api.count_tokens)
    app.router.add_post("/v1/responses", api.responses)
    app.router.add_get("/v1/models", api.models)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    api.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield api
    finally:
        await runner.cleanup()


def _act(users: list[User], body: dict[str, Any]) -> Act:
    if not body.get("tools"):  # a title or a summary, asked for beside the conversation
        return Say(("A title",))
    return next_act(users)


def _failure(act: Fail) -> web.Response:
    kind = "rate_limit_error" if act.status == 429 else "authentication_error" if act.status == 401 else "api_error"
    error = {"type": "error", "error": {"type": kind, "message": f"told to fail with {act.status}"}}
    headers = {}
    if act.resets_in is not None:
        reset = str(int(time.time()) + act.resets_in)
        headers = {
            "anthropic-ratelimit-unified-status": "rejected",
            "anthropic-ratelimit-unified-reset": reset,
            "anthropic-ratelimit-unified-representative-claim": "five_hour",
            "x-should-retry": "false",
        }
    return web.json_response(error, status=act.status, headers=headers)
