"""A file of a session's workspace, on its way into the conversation."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import PurePosixPath
from typing import cast

from bot import workspace
from bot.access import CONSOLE
from bot.commands.model import Asker, SentFile
from bot.errors import UserError
from bot.hidden import shown
from bot.replies.places import Places
from bot.workspace import Workspace
from transports.base import PermanentFailure, TemporaryFailure, Uploading

MOST = 50 * 1024 * 1024  # bytes


class NoFiles(UserError):
    """`{transport}` takes no files, so `{name}` stays where it is."""


class NotSent(UserError):
    """`{name}` could not be sent: {reason}. Try again in a moment."""


class NeverSent(UserError):
    """`{name}` cannot be sent: {reason}."""


class Sending:
    def __init__(self, places: Places, workspace_of: Callable[[str], Awaitable[Workspace]]) -> None:
        """`workspace_of`: of a session; raises UserError where its project is not there."""
        self._places = places
        self._workspace_of = workspace_of

    async def send(self, asker: Asker, path: str) -> SentFile:
        """Raises UserError."""
        space = await self._workspace_of(asker.session)
        content = await asyncio.to_thread(workspace.read, space, path, MOST)
        name = shown(workspace.clean(PurePosixPath(path).name))
        transport = self._places.of(asker.target)
        if transport is None or not transport.capabilities.upload:
            if asker.transport != CONSOLE:
                raise NoFiles(transport=asker.transport, name=name)
            lies_at = space.root.joinpath(*workspace.parts(space, path))
            return SentFile(name, len(content), str(lies_at))
        await _uploaded(cast("Uploading", transport), asker.target, name, content)
        return SentFile(name, len(content))


async def _uploaded(transport: Uploading, target: str, name: str, content: bytes) -> None:
    try:
        await transport.upload(target, name, content)
    except TemporaryFailure as exc:
        raise NotSent(name=name, reason=_reason(exc)) from exc
    except PermanentFailure as exc:
        raise NeverSent(name=name, reason=_reason(exc)) from exc


def _reason(exc: Exception) -> str:
    return " ".join(str(exc).split()).removesuffix(".") or "the network did not say why"
