"""What stands around every handler: names that we answer to, failures, and the access log."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from bot.gateway import hosts
from bot.gateway.answers import refusal

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
CLOSES = (408, 413)  # what is left of such a request must not be read as the next one
TOLD = frozenset({"Allow", "Retry-After", "WWW-Authenticate"})  # of what a handler raises, beside the status


@web.middleware
async def failures(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whatever a handler raises becomes JSON; what it did not mean to raise, a reference."""
    try:
        return await handler(request)
    except web.HTTPException as exc:
        return _told(exc)
    except Exception as exc:
        if isinstance(exc, ConnectionError) and request.transport is None:
            raise  # nobody is there to be told
        reference = secrets.token_hex(4)
        path = request.rel_url.raw_path
        about = {"reference": reference}
        log.error("%s %s failed, reference %s", request.method, path, reference, exc_info=exc, extra=about)
        return refusal(500, reference=reference)


def _told(exc: web.HTTPException) -> web.StreamResponse:
    if exc.status < 400:
        raise exc
    answer = refusal(exc.status)
    for name in TOLD & exc.headers.keys():
        answer.headers[name] = exc.headers[name]
    if exc.status in CLOSES:
        answer.force_close()
    return answer


def by_name(public_host: str, open_to_all: frozenset[str]) -> Callable[..., Awaitable[web.StreamResponse]]:
    """Refuses other sites' names; see hosts.py. `open_to_all`: paths that are answered under any name."""

    @web.middleware
    async def names(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path not in open_to_all:
            said = request.headers.getall("Host", [])
            if len(said) != 1 or not hosts.is_ours(said[0], public_host):
                return refusal(421)
        return await handler(request)

    return names


class AccessLog(AbstractAccessLogger):
    """At debug, without query strings: they may hold what is nobody's business."""

    @property
    def enabled(self) -> bool:
        return self.logger.isEnabledFor(logging.DEBUG)

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        self.logger.debug(
            "method=%s path=%s status=%d seconds=%.3f remote=%s",
            request.method,
            request.rel_url.raw_path,
            response.status,
            time,
            request.remote,
        )
