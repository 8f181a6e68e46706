"""GET /api/v1/health: that the bot lives, for anybody; for a caller, what does not work."""

from __future__ import annotations

from aiohttp import web

from bot.gateway.callers import RECOGNISER, require
from bot.gateway.vitals import Backstage, Looks

PATH = "/api/v1/health"
STORE = "The store cannot be read: messages wait where they are."


def mount(app: web.Application, backstage: Backstage | None = None, looks: Looks | None = None) -> None:
    async def health(request: web.Request) -> web.Response:
        if backstage is None or looks is None or not _is_known(request):
            return web.json_response({"status": "ok"})
        trouble = [*backstage.trouble()]
        if (await looks.look()).books is None:
            trouble.append(STORE)
        # The answer is 200 all the same: what restarts us because of it would mend nothing.
        return web.json_response({"status": "degraded" if trouble else "ok", "degraded": trouble})

    app.router.add_get(PATH, health)


def _is_known(request: web.Request) -> bool:
    """Members and above. Whoever is refused elsewhere hears here what anybody does."""
    if RECOGNISER not in request.app:
        return False
    try:
        require(request, "member")
    except web.HTTPException:
        return False
    return True
