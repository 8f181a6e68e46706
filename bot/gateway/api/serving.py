"""The routes on aiohttp: who calls, what with, and what is answered."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from collections.abc import Awaitable, Callable
from typing import BinaryIO
from urllib.parse import quote

from aiohttp import web

from bot.errors import UserError
from bot.gateway.api import openapi, ordering, reading, refusals
from bot.gateway.api.model import BASE, Answer, Backstage, Call, Content, Problem, Route
from bot.gateway.api.table import ROUTES
from bot.gateway.callers import require
from dispatcher.model import StoreUnavailable
from transports.base import Disconnected

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

DOCUMENT = f"{BASE}/openapi.json"


def mount(app: web.Application, stage: Backstage) -> None:
    for route in ROUTES:
        # By itself a hole takes no braces, which a session's key may have.
        path = route.path.replace("}", ":[^/]+}")
        app.router.add_route(route.method, f"{BASE}{path}", _handler(route, stage))
    document = openapi.text()

    async def described(request: web.Request) -> web.Response:
        require(request, "member")
        return web.Response(text=document, content_type="application/json")

    app.router.add_route("GET", DOCUMENT, described)

    async def swept(_: web.Application) -> None:
        await stage.uploads.sweep()

    app.on_startup.append(swept)


def _handler(route: Route, stage: Backstage) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            answer = await _answer(route, stage, request)
            return await _given(answer) if isinstance(answer, Content) else _told(answer)
        except Problem as problem:
            return refusals.told(problem)
        except StoreUnavailable:
            return refusals.told(Problem(503, ""))
        except Disconnected:
            return refusals.told(Problem(503, ordering.AWAY))
        except UserError as exc:
            return refusals.told(Problem(409, str(exc)))
        except web.HTTPException as exc:
            return refusals.translated(exc)

    return handle


async def _answer(route: Route, stage: Backstage, request: web.Request) -> Answer | Content:
    """Who calls comes first: nobody is told what would have been right who may not ask."""
    caller = require(request, route.role)
    params = reading.params(route, request)
    return await route.handle(Call(caller, params, await reading.body(route, request)), stage)


def _told(answer: Answer) -> web.Response:
    return web.Response(text=answer.body.model_dump_json(), status=answer.status, content_type="application/json")


async def _given(content: Content) -> web.Response:
    """A file that somebody's program wrote: saved, and never shown as a page of ours. Raises Problem."""
    try:
        file = await asyncio.to_thread(_opened, content)
    except OSError as exc:
        if exc.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            raise Problem(503, f"The file cannot be read: {exc.strerror}.") from exc
        raise Problem(404, "The file is not kept any more.") from exc
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(content.name, safe='', errors='replace')}",
        "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
        "Content-Type": "application/octet-stream",
    }
    return web.Response(body=file, headers=headers)


def _opened(content: Content) -> BinaryIO:
    """Raises OSError; what is no plain file is not there: a pipe in its place would hold the thread for ever."""
    place = os.open(content.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(place).st_mode):
        os.close(place)
        raise FileNotFoundError(errno.ENOENT, "no plain file")
    return os.fdopen(place, "rb")
