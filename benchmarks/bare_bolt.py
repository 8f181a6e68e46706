"""The least bots there can be on slack-bolt, each a process: what Tugbot in Slack is measured beside.

python -m benchmarks.bare_bolt KIND MODE PORT FILE; tokens come from the environment, as Tugbot's do.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

Listener = Callable[..., Awaitable[None]]


async def serve(kind: str, mode: str, port: int, file: Path) -> None:
    """`kind`: forgetful | keeping | echo. `mode`: socket | http. `file`: the database of the one that keeps."""
    app = AsyncApp(
        client=AsyncWebClient(os.environ["TUGBOT_SLACK_BOT_TOKEN"], base_url=os.environ["TUGBOT_SLACK_API"]),
        signing_secret=os.environ["TUGBOT_SLACK_SIGNING_SECRET"],
        process_before_response=kind == "keeping",  # else bolt acknowledges first
    )
    listeners: dict[str, Callable[[], Listener]] = {
        "forgetful": lambda: _forget,
        "keeping": lambda: _keeping(file),
        "echo": lambda: _echo,
    }
    app.event("message")(listeners[kind]())
    await (_connected(app) if mode == "socket" else _called(app, port))


async def _connected(app: AsyncApp) -> None:
    handler = AsyncSocketModeHandler(app, os.environ["TUGBOT_SLACK_APP_TOKEN"], web_client=app.client)
    await handler.start_async()  # type: ignore[no-untyped-call]


async def _called(app: AsyncApp, port: int) -> None:
    from aiohttp import web

    runner = web.AppRunner(app.server(port, "/slack/events").web_app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.get_running_loop().create_future()


async def _forget() -> None:
    pass


def _keeping(file: Path) -> Listener:
    """One row and one commit for each, on disk before Slack is told."""
    database = sqlite3.connect(file, isolation_level=None)
    database.executescript(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
        "CREATE TABLE inbox (event TEXT PRIMARY KEY, channel TEXT, ts TEXT, text TEXT, UNIQUE (channel, ts))"
    )

    async def keep(body: dict[str, Any]) -> None:
        event = body["event"]
        row = (body["event_id"], event["channel"], event["ts"], event["text"])
        database.execute("INSERT OR IGNORE INTO inbox VALUES (?, ?, ?, ?)", row)

    return keep


async def _echo(event: dict[str, Any], say: Callable[[str], Awaitable[object]]) -> None:
    await say(event["text"])


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])))
