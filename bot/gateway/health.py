"""GET /api/v1/health: that the bot lives. Needs no login, and tells nothing else."""

from __future__ import annotations

from aiohttp import web

PATH = "/api/v1/health"


def mount(app: web.Application) -> None:
    app.router.add_get(PATH, _health)


async def _health(_: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})
