"""The bot's own page as a chat network: what is said there is kept here, since there is no other place that has it."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
from collections.abc import Awaitable
from pathlib import Path
from typing import Protocol

from transports.base import (
    Ack,
    Capabilities,
    Disconnected,
    Inbound,
    MessageRef,
    Outbound,
    PermanentFailure,
    Receiver,
    TemporaryFailure,
)
from transports.files import safe_name

NAME = "web"
MAX_LENGTH = 30_000  # characters


class Stage(Protocol):
    """Where messages are kept, and shown from. All raise TemporaryFailure."""

    async def send(self, message: Outbound) -> str:
        """Its id. One key is one message in its target, however often it is sent."""
        ...

    async def edit(self, ref: MessageRef, message: Outbound) -> bool:
        """False: there is no such message."""
        ...

    async def file(self, target: str, name: str, size: int) -> int:
        """The id of a message with a file; `size`: bytes."""
        ...


class WebTransport:
    """transports.base.Transport, with Uploading. A session is its target: `web/<account>`, `web/<account>/<name>`."""

    name = NAME
    capabilities = Capabilities(
        edit=True, buttons=True, upload=True, idempotent=True, max_length=MAX_LENGTH, edit_interval=0.25
    )

    def __init__(self, stage: Stage, files: Path) -> None:
        """`files`: where those go that we send, each in a directory named by its message's id."""
        self._stage = stage
        self._files = files
        self._receiver: Receiver | None = None  # while it runs
        self._closed = False

    async def run(self, receiver: Receiver) -> None:
        self._receiver = receiver
        try:
            await asyncio.Event().wait()  # whoever says something comes to `take`
        finally:
            self._receiver = None

    def take(self, inbound: Inbound) -> Awaitable[Ack]:
        """Hand in what somebody said. Raises Disconnected where it does not run."""
        if self._receiver is None:
            raise Disconnected("the bot is beginning or ending")
        return self._receiver.receive(inbound)

    async def send(self, message: Outbound) -> MessageRef:
        self._check(message.target)
        return MessageRef(message.target, await self._stage.send(message))

    async def edit(self, ref: MessageRef, message: Outbound) -> None:
        self._check(ref.target)
        if not await self._stage.edit(ref, message):
            raise PermanentFailure("there is no such message")

    async def upload(self, target: str, name: str, content: bytes) -> MessageRef:
        self._check(target)
        name = safe_name(name)
        new = self._files / f"new-{secrets.token_hex(8)}"
        try:
            await asyncio.to_thread(_write, new / name, content)
            number = await self._stage.file(target, name, len(content))
            await asyncio.to_thread(_move, new, self._files / str(number))
        except OSError as exc:
            raise TemporaryFailure(f"the file cannot be kept: {exc.strerror or exc}") from exc
        finally:
            shutil.rmtree(new, ignore_errors=True)  # what was renamed is not there any more
        return MessageRef(target, str(number))

    async def close(self) -> None:
        self._closed = True

    def _check(self, target: str) -> None:
        if not target.startswith(f"{NAME}/"):
            raise PermanentFailure(f"{target!r} is not a target of the page")
        if self._closed:
            raise PermanentFailure("the page is closed")


def _write(path: Path, content: bytes) -> None:
    """Readable by the bot alone, like the directories above it."""
    for place in (path.parent.parent.parent, path.parent.parent, path.parent):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(content)


def _move(new: Path, place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)  # of a database that is gone, and gave the same number
    os.rename(new, place)
