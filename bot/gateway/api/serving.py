"""The routes on aiohttp: who calls, what with, and what is answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from bot.errors import UserError
from bot.gateway.api import openapi, reading, refusals
from bot.gateway.api.model import BASE, Answer, Backstage, Call, Problem, Route
from bot.gateway.api.table import ROUTES
from bot.gateway.callers import require
from dispatcher.model import StoreUnavailable

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


def _handler(route: Route, stage: Backstage) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            answer = await _answer(route, stage, request)
        except Problem as problem:
            return refusals.told(problem)
        except StoreUnavailable:
            return refusals.told(Problem(503, ""))
        except UserError as exc:
            return refusals.told(Problem(409, str(exc)))
        except web.HTTPException as exc:
            return refusals.translated(exc)
        return web.Response(text=answer.body.model_dump_json(), status=answer.status, content_type="application/json")

    return handle


async def _answer(route: Route, stage: Backstage, request: web.Request) -> Answer:
    """Who calls comes first: nobody is told what would have been right who may not ask."""
    caller = require(request, route.role)
    params = reading.params(route, request)
    return await route.handle(Call(caller, params, await reading.body(route, request)), stage)
