"""The gateway itself: one aiohttp application on a socket that was claimed before."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
from collections.abc import Mapping
from functools import partial

from aiohttp import web

from bot.gateway import api, assets, bodies, entrance, events, health, hosts, metrics
from bot.gateway.answers import Request
from bot.gateway.guards import AccessLog, by_name, failures
from bot.gateway.hooks import Hooks
from bot.gateway.model import Address, Bounds
from bot.gateway.parts import Parts
from bot.gateway.vitals import Looks
from transports.base import Hook

log = logging.getLogger(__name__)
access = logging.getLogger("bot.gateway.access")
# aiohttp logs a traceback for whatever is no HTTP. What handlers raise is logged by guards.py.
_wire = logging.getLogger("bot.gateway.wire")
_wire.setLevel(logging.CRITICAL)

ENDING = 5.0  # seconds that requests under way have when the gateway is closed
SPARE = 128  # open files that connections leave to the rest of the bot: its agents need some
LINGERING = 2.0  # seconds of reading on, so that who sends too much sees the answer instead of a broken connection


class Gateway:
    """`serve` once, `close` in any case."""

    def __init__(self, address: Address, claimed: socket.socket, bounds: Bounds | None = None) -> None:
        self._address = address
        self._socket = claimed
        self._bounds = bounds or Bounds()
        self._runner: web.AppRunner | None = None

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def login(self, secret: str) -> str:
        """The address that logs in with a link's secret."""
        return hosts.login(self._address, self.port, secret)

    async def serve(self, hooks: Mapping[str, Hook], parts: Parts | None = None) -> None:
        """Answer from now on, those first who have waited since the socket was claimed."""
        app = self._application(Hooks(hooks, self._bounds.max_hooks), parts or Parts())
        runner = self._runner = web.AppRunner(
            app,
            handle_signals=False,
            access_log=access,
            access_log_class=AccessLog,
            logger=_wire,
            keepalive_timeout=self._bounds.headers_patience,
            lingering_time=LINGERING,
            shutdown_timeout=ENDING,
            auto_decompress=False,
        )
        await runner.setup()
        assert runner.server is not None
        runner.server.request_factory = partial(app._make_request, _cls=Request)
        _bound(runner.server, self._bounds.max_connections or _room())
        await web.SockSite(runner, self._socket).start()
        log.info("the gateway listens on %s, port %d", self._address.listen, self.port)

    async def close(self) -> None:
        """Refuse connections, let requests under way end, then cut them off."""
        if self._runner is not None:
            await self._runner.cleanup()
        self._socket.close()

    def _application(self, hooks: Hooks, parts: Parts) -> web.Application:
        app = web.Application(
            middlewares=[failures, by_name(self._address.public_host, hooks.paths)],
            client_max_size=self._bounds.max_body,
        )
        app[bodies.BOUNDS] = self._bounds
        looks = Looks(parts.vitals) if parts.vitals is not None else None
        health.mount(app, parts.vitals, looks)
        if parts.vitals is not None and looks is not None:
            metrics.mount(app, parts.vitals, looks)
        if parts.entrance is not None:
            entrance.mount(app, parts.entrance, self._address)
            assets.mount(app)
        if parts.api is not None:
            api.mount(app, parts.api)
        if parts.events is not None:
            events.mount(app, parts.events)
        hooks.mount(app)
        return app


def _bound(server: web.Server, at_most: int) -> None:
    """Hang up on further connections: whoever holds many, and need prove nothing for that, takes files from agents."""
    made = server.connection_made

    def admitted(handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        made(handler, transport)
        if len(server.connections) > at_most:
            asyncio.get_running_loop().call_soon(transport.abort)  # when the handler's task has begun: it needs that

    server.connection_made = admitted  # type: ignore[method-assign]


def _room() -> int:
    return max(SPARE, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE)
