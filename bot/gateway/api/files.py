"""Files: those that callers send, to go with a message, and those that the bot has sent."""

from __future__ import annotations

import logging
from typing import Annotated

from aiohttp import web
from pydantic import Field

from bot.commands.phrases import size
from bot.gateway.api import ordering
from bot.gateway.api.fields import Number
from bot.gateway.api.model import Answer, Backstage, Call, Content, Incoming, Problem, Route, Shown
from bot.gateway.api.sessions import SessionParams, visible
from bot.gateway.api.transcript import said_here
from bot.gateway.api.uploads import AT_ONCE, Full, TooMany, Unwritable
from transports.files import safe_name

log = logging.getLogger(__name__)

AGAIN = 5.0  # seconds

# ---------------------------------------------------------------- what goes in and out


class UploadParams(SessionParams):
    name: Annotated[str, Field(min_length=1, max_length=255)] = Field(description="The file's name.")


class FileParams(SessionParams):
    said: Number = Field(description="The id of the message that it came with.")


class Uploaded(Shown):
    """A file that waits to go with a message."""

    id: str = Field(description="For `files` of a message.")
    name: str = Field(description="As it is kept.")
    size: int = Field(description="Bytes.")


# ---------------------------------------------------------------- acting


async def upload(call: Call[UploadParams, Incoming], stage: Backstage) -> Answer:
    caller, key, body = call.caller, call.params.key, call.body
    if not ordering.owns(caller, key):
        await visible(caller, key, stage)
    uploads = stage.uploads
    try:
        made = await uploads.keep(caller.account, call.params.name, body.pieces(uploads.most), body.announced)
    except web.HTTPRequestEntityTooLarge:
        raise Problem(413, f"The file is larger than {size(uploads.most)}.") from None
    except TooMany:
        raise Problem(429, f"{AT_ONCE} files of yours are coming already.", retry_after=AGAIN) from None
    except Full:
        log.warning("a file of %s was refused: the disk has no room for it", caller.account)
        raise Problem(507, "") from None
    except Unwritable as exc:
        log.error("a file of %s cannot be written: %s", caller.account, exc)
        raise Problem(503, f"The file cannot be written: {exc}.") from exc
    return Answer(Uploaded(id=made.id, name=made.name, size=made.size), 201)


async def download(call: Call[FileParams, None], stage: Backstage) -> Content:
    await visible(call.caller, call.params.key, stage)
    said = await said_here(call.caller, call.params.key, call.params.said, stage)
    if said.file is None:
        raise Problem(404, f"No file came with message {said.id}.")
    if not said.file.kept:
        raise Problem(404, "The file is not kept here; its own chat has it.")
    return Content(stage.files / str(said.id) / safe_name(said.file.name), said.file.name)


ROUTES = (
    Route(
        "POST",
        "/sessions/{key}/files",
        "Sends a file that shall go with a message",
        "member",
        upload,
        {201: Uploaded},
        UploadParams,
        raw=True,
        refuses=(507,),
        details="The body is the file. `gateway.max_file` bounds it; it may take long, as long as something comes. "
        "It is kept for 30 days, and nobody else can name it.",
    ),
    Route(
        "GET",
        "/sessions/{key}/files/{said}",
        "Gives a file that the bot has sent",
        "member",
        download,
        {200: Content},
        FileParams,
    ),
)
