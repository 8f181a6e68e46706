"""The lines of ACP: JSON-RPC 2.0, one message a line. Plugs into the SDK as its transport.

The SDK starts a task for every message and logs a traceback for each one it does not like. Here updates are taken out
in the order they arrive, before any task exists, and only what the SDK must answer or match is passed on.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from acp.meta import CLIENT_METHODS

from bot.agents.base import Process
from bot.agents.output import LineTooLong, Output, close_stdin
from bot.agents.text import one_line

Json: TypeAlias = dict[str, Any]

STRAY_LINES = 20  # lines that are not JSON-RPC, tolerated: npm wrappers print greetings and warnings to stdout
UPDATE = CLIENT_METHODS["session_update"]
PERMISSION = CLIENT_METHODS["session_request_permission"]

log = logging.getLogger(__name__)


class Wire:
    """Implements the SDK's Transport protocol; never raises out of `receive`, or the SDK logs a traceback."""

    def __init__(
        self, process: Process, output: Output, room: Callable[[], Awaitable[None]], update: Callable[[object], None]
    ) -> None:
        """`room` is awaited before each line, `update` is given the parameters of each session update."""
        self._process = process
        self._stdin = process.stdin
        self._output = output
        self._room = room
        self._update = update
        self._strays: list[str] = []
        self.ended = asyncio.Event()  # nothing more will be read
        self.fault = ""  # what was wrong with the program's lines, where that is why reading ended

    @property
    def stray(self) -> str:
        """The first line that was no JSON-RPC, for the error's words; "" if there was none."""
        return self._strays[0] if self._strays else ""

    async def receive(self) -> Json | None:
        while not self.fault:
            await self._room()
            line = await self._next_line()
            if not line:
                break
            if (message := await self._sort(line)) is not None:
                return message
        self.ended.set()
        return None

    async def send(self, message: Json) -> None:
        data = json.dumps(message, separators=(",", ":")).encode() + b"\n"
        try:
            self._stdin.write(data)
            if "id" in message:  # a notification (cancel) must not wait for a program that does not read
                await self._stdin.drain()
        except ConnectionError:
            if "method" in message:  # nobody waits for an answer's delivery; the end of stdout tells the rest
                raise
            log.debug("acp answer not delivered")

    async def close(self) -> None:
        close_stdin(self._process)

    async def _next_line(self) -> bytes:
        try:
            return await self._output.line()
        except LineTooLong:
            self.fault = "sent a line longer than the limit of 64 MB"
            return b""

    async def _sort(self, line: bytes) -> Json | None:
        """What the SDK has to see of this line, if anything."""
        if not line.strip():
            return None
        message = _parse(line)
        if message is None:
            self._keep_stray(line)
        elif "method" not in message:
            return message
        elif "id" not in message:
            self._notified(message)
        else:
            return await self._requested(message)
        return None

    def _notified(self, message: Json) -> None:
        if message["method"] == UPDATE:
            self._update(message.get("params"))

    async def _requested(self, message: Json) -> Json | None:
        if message["method"] == PERMISSION:
            _drop_meta(message)
            return message
        # File system, terminal and elicitation are not offered. Refused here, with the write awaited, so that a flood
        # of such requests slows down its sender instead of filling our memory.
        error = {"code": -32601, "message": "Method not found", "data": {"method": str(message["method"])[:200]}}
        await self.send({"jsonrpc": "2.0", "id": message["id"], "error": error})
        return None

    def _keep_stray(self, line: bytes) -> None:
        self._strays.append(one_line(line[:2000].decode("utf-8", "replace")))
        if len(self._strays) > STRAY_LINES:
            self.fault = "printed text where ACP messages were expected"


def _parse(line: bytes) -> Json | None:
    """A JSON-RPC message that the SDK can take without stumbling; None for anything else."""
    try:
        message = json.loads(line.decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) and _is_sound(message) else None


def _is_sound(message: Json) -> bool:
    return (
        isinstance(message.get("id"), int | str | None)
        and isinstance(message.get("method", ""), str)
        and isinstance(message.get("error"), dict | None)
        and ("method" in message or "id" in message)
    )


def _drop_meta(message: Json) -> None:
    # The SDK turns its keys into keyword arguments; one named like a parameter would raise inside the SDK.
    if isinstance(params := message.get("params"), dict):
        params.pop("_meta", None)
