"""Requests become values, or are refused with the field that is wrong."""

from __future__ import annotations

from typing import TypeVar

from aiohttp import web
from pydantic import ValidationError

from bot.gateway import bodies
from bot.gateway.api.model import Given, Problem, Route
from bot.gateway.bodies import Arriving

JSON = "application/json"
BYTES = "application/octet-stream"
LONGEST_WORDS = 300  # characters of what a field is said to lack

G = TypeVar("G", bound=Given)


def params(route: Route, request: web.Request) -> Given:
    """Of the path and the query. Raises Problem."""
    twice = [name for name in request.query if len(request.query.getall(name)) > 1]
    if twice:
        raise Problem(422, "It is given twice.", field=_short(twice[0]))
    both = request.query.keys() & request.match_info.keys()
    if both:
        raise Problem(422, "It belongs into the path alone.", field=_short(min(both)))
    try:
        return route.params.model_validate_strings({**request.query, **request.match_info})
    except ValidationError as exc:
        raise _wrong(exc) from None


async def body(route: Route, request: web.Request) -> Given | Arriving | None:
    """Raises Problem, and what bodies.read raises."""
    if route.raw:
        _check_bytes(request)
        return Arriving(request)
    if route.body is None:
        if request.can_read_body and await bodies.read(request):
            raise Problem(422, "This takes no body.")
        return None
    raw = await bodies.read(request) if request.can_read_body else b""
    if raw:
        _check_kind(request)
    return _parsed(route.body, raw or b"{}")


def _check_kind(request: web.Request) -> None:
    if request.content_type != JSON or (request.charset or "utf-8").lower() != "utf-8" or _is_encoded(request):
        raise Problem(415, "")


def _check_bytes(request: web.Request) -> None:
    if request.content_type != BYTES or _is_encoded(request):
        raise Problem(415, f"Files are sent as they are: `Content-Type: {BYTES}`, not compressed.")


def _is_encoded(request: web.Request) -> bool:
    return request.headers.get("Content-Encoding", "identity").lower() != "identity"


def _parsed(model: type[G], raw: bytes) -> G:
    try:
        return model.model_validate_json(raw, strict=True)
    except ValidationError as exc:
        raise _wrong(exc) from None


def _wrong(exc: ValidationError) -> Problem:
    """The first thing that is wrong; what was sent is not repeated."""
    first = exc.errors(include_url=False, include_context=False, include_input=False)[0]
    field = _short(".".join(str(part) for part in first["loc"]))
    where = f"`{field}`: " if field else ""
    more = f" ({exc.error_count() - 1} more to correct.)" if exc.error_count() > 1 else ""
    return Problem(422, f"{where}{first['msg'][:LONGEST_WORDS]}.{more}", field=field)


def _short(field: str) -> str:
    """Names may be anything that a caller made up."""
    return field.encode(errors="replace").decode()[:100]
