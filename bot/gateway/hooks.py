"""Paths that networks call. Each verifies by itself who calls, and may be reached by any name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from bot.gateway import bodies
from bot.gateway.answers import refusal
from transports.base import Hook, HookRequest

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

RETRY_AFTER = "1"  # second
PATIENT = 8  # times as many bodies may still be coming as requests are answered at the same time


class Hooks:
    """A bounded number of requests at the same time: what is over it is refused, and networks call again."""

    def __init__(self, hooks: Mapping[str, Hook], at_most: int) -> None:
        self.paths = frozenset(hooks)
        self._hooks = hooks
        self._at_most = at_most
        self._busy = 0
        self._reading = 0

    def mount(self, app: web.Application) -> None:
        for path, hook in self._hooks.items():
            app.router.add_route("*", path, self._handler(hook))

    def _handler(self, hook: Hook) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            # Bodies are waited for apart: who sends none, and need not sign anything for that, must not keep the
            # network out.
            if self._reading >= self._at_most * PATIENT:
                return _busy()
            self._reading += 1
            try:
                body = await bodies.read(request)
            finally:
                self._reading -= 1
            if self._busy >= self._at_most:
                return _busy()
            self._busy += 1
            try:
                return await _called(hook, request, body)
            finally:
                self._busy -= 1

        return handle


def _busy() -> web.Response:
    answer = refusal(503)
    answer.headers["Retry-After"] = RETRY_AFTER
    return answer


async def _called(hook: Hook, request: web.Request, body: bytes) -> web.StreamResponse:
    headers = {name.lower(): request.headers[name] for name in request.headers}  # of two alike, the first
    answer = await hook(HookRequest(request.method, headers, body, request.remote or ""))
    return web.Response(status=answer.status, headers=answer.headers, body=answer.body)
