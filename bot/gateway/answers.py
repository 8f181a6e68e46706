"""What the gateway answers with by itself: JSON, and headers that every answer has."""

from __future__ import annotations

from aiohttp import web

# Nothing that we serve is to be framed, guessed at, kept or told of elsewhere. An answer may say otherwise of itself.
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_NAMES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    413: "too_large",
    421: "unknown_host",
    429: "too_many_requests",
    500: "internal_error",
    503: "unavailable",
}


def refusal(status: int, **more: str) -> web.Response:
    """{"error": a word for programs, …}"""
    return web.json_response({"error": _NAMES.get(status, "refused"), **more}, status=status)


class Request(web.Request):
    """Dresses every answer, those to what is no HTTP included: signals of an application never see these."""

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        await super()._prepare_hook(response)
        response.headers.pop("Server", None)  # aiohttp's and Python's versions
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
