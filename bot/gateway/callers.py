"""Who sends a request. Every handler asks, but for health, hooks and the way to log in."""

from __future__ import annotations

from typing import Protocol

from aiohttp import web

from bot.commands.model import Role
from bot.commands.registry import ROLES
from bot.gateway.model import Caller
from transports.web import NAME as WEB


class Recogniser(Protocol):
    """Tells callers apart: access.py, or a twin of it in tests."""

    def caller(self, request: web.Request) -> Caller:
        """Raises HTTPUnauthorized, HTTPForbidden, HTTPTooManyRequests."""
        ...


RECOGNISER: web.AppKey[Recogniser] = web.AppKey("recogniser")


def is_private(session: str) -> bool:
    """Whether it is one person's alone: what somebody says on the page is said to the bot, in no room with others."""
    return session.startswith(f"{WEB}/")


def own_session(caller: Caller) -> str:
    """Where a caller is at home who names no other conversation. Further ones are "<own>/<name>"."""
    return f"{WEB}/{caller.account}"


def caller_of(request: web.Request) -> Caller:
    """Raises HTTPUnauthorized; HTTPForbidden: a page of another site may have sent this; HTTPTooManyRequests."""
    return request.app[RECOGNISER].caller(request)


def require(request: web.Request, role: Role) -> Caller:
    """A caller whose role is at least this. Raises HTTPForbidden too where it is less."""
    caller = caller_of(request)
    if caller.role == "guest" or ROLES.index(caller.role) < ROLES.index(role):
        raise web.HTTPForbidden
    return caller
