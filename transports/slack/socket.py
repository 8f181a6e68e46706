"""Socket Mode: a connection that always comes back.

The SDK's own way of reconnecting is switched off: where a handshake fails it tries the same ticket for ever, and
tickets are good for one connection. It is switched off too for when Slack asks for another connection: of two that are
made at the same time the SDK keeps one open that it never reads, and what Slack sends there is lost.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

import aiohttp
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from transports.base import Disconnected, PermanentFailure, TemporaryFailure
from transports.slack.answers import failure

log = logging.getLogger(__name__)
logging.getLogger("slack_sdk.socket_mode").setLevel(logging.CRITICAL)

PING = 5.0  # seconds; a dead connection is noticed after at most four of them
LOOK = 0.5  # seconds between looks at the connection
HANDSHAKE = 4.0  # seconds for the first attempt; more for those after it, where the network is slow
LONGEST_HANDSHAKE = 16.0
FIRST_DELAY = 0.5  # seconds before the second attempt, doubled each time
LONGEST_DELAY = 30.0

Back = Callable[[float], None]  # told after each connection how long there was none; infinite at the first


class Connection(Protocol):
    @property
    def is_up(self) -> bool: ...

    async def run(self, back: Back) -> None:
        """Keep events coming until cancelled. Raises Disconnected where trying again soon is no use."""
        ...


class SocketMode:
    """Connection"""

    def __init__(
        self,
        app: AsyncApp,
        app_token: str,
        api: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        ping: float = PING,
    ) -> None:
        self._app = app
        self._token = app_token
        self._api = api
        self._clock = clock
        self._sleep = sleep
        self._ping = ping
        self.is_up = False
        self._asked = False  # Slack asked for another connection; this one goes on until it ends it

    async def run(self, back: Back) -> None:
        web = AsyncWebClient(base_url=self._api, retry_handlers=[])
        handler = AsyncSocketModeHandler(
            self._app, self._token, logger=self._app.logger, web_client=web, ping_interval=self._ping
        )
        handler.client.default_auto_reconnect_enabled = handler.client.auto_reconnect_enabled = False
        handler.client.connect_to_new_endpoint = self._ask  # type: ignore[method-assign]
        try:
            await self._watch(handler, back)
        finally:
            self.is_up = False
            await handler.close_async()  # type: ignore[no-untyped-call]

    async def _ask(self, force: bool = False) -> None:
        self._asked = True

    async def _watch(self, handler: AsyncSocketModeHandler, back: Back) -> None:
        lost, failures = float("-inf"), 0
        while True:
            is_connected = await handler.client.is_connected()
            if is_connected:
                if not self.is_up:
                    log.info("connected to Slack")
                    self.is_up = True
                    back(self._clock() - lost)
                lost = self._clock()
            elif self.is_up:
                log.info("the connection to Slack is lost")
                self.is_up = False
            if is_connected and not self._asked:
                failures = 0
                await self._sleep(LOOK)
                continue
            self._asked = False
            if not await self._connected(handler, min(HANDSHAKE * (failures + 1), LONGEST_HANDSHAKE)):
                self._asked = True
                await self._sleep(min(FIRST_DELAY * 2 ** min(failures, 10), LONGEST_DELAY))
                failures += 1

    async def _connected(self, handler: AsyncSocketModeHandler, patience: float) -> bool:
        """One attempt, with a ticket of its own."""
        client = handler.client
        client.last_ping_pong_time = None
        client.stale = False
        try:
            async with asyncio.timeout(patience):
                # `connect` asks for one by itself, but tries for ever where it gets none, and says nothing about it.
                said = await client.web_client.apps_connections_open(app_token=self._token)
                client.wss_uri = str(said["url"])
            await _shake_hands(handler, patience)
        except SlackApiError as exc:
            _refused(exc)
            return False
        except (TimeoutError, aiohttp.ClientError, OSError, SlackClientError) as exc:
            log.info("Slack cannot be connected to: %s", str(exc) or type(exc).__name__)
            return False
        return await client.is_connected()


async def _shake_hands(handler: AsyncSocketModeHandler, patience: float) -> None:
    """Raises TimeoutError: the client's `connect` repeats what failed, with the same ticket, until it is ended."""
    connecting: asyncio.Task[None] = asyncio.create_task(
        handler.connect_async(),  # type: ignore[no-untyped-call]
        name="connect to Slack",
    )
    try:
        await asyncio.wait({connecting}, timeout=patience)
    finally:
        connecting.cancel()
        await asyncio.wait({connecting})
    if connecting.cancelled():
        if handler.client.current_session is not None:  # whatever it came to: nobody reads it
            await handler.client.current_session.close()
        raise TimeoutError
    connecting.result()


def _refused(exc: SlackApiError) -> None:
    """Raises Disconnected where somebody has to do something first."""
    response = exc.response
    said = response.data if isinstance(getattr(response, "data", None), dict) else {}
    status = int(getattr(response, "status_code", 0) or getattr(response, "status", 0) or 0)
    cause = failure("apps.connections.open", status, said, "")
    if isinstance(cause, Disconnected):
        raise cause from exc
    if isinstance(cause, PermanentFailure):
        raise Disconnected(f"Socket Mode cannot be had: {cause}", lasting=True) from exc
    assert isinstance(cause, TemporaryFailure)
    log.info("Slack gives no connection: %s", cause)
