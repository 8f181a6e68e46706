"""What the API answers where it has nothing better."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from bot.gateway.api.model import Problem, Refusal
from bot.gateway.guards import CLOSES

# Status → the word for programs, and words for people where the code at hand has none.
WORDS: Mapping[int, tuple[str, str]] = {
    400: ("bad_request", "The request ended half-way."),
    401: ("unauthorized", "Say who you are: `Authorization: Bearer <token>`; `tugbot token create` makes one."),
    403: ("forbidden", "Your role is not enough for this, or the request came from a page of another site."),
    404: ("not_found", "There is nothing of that name."),
    405: ("method_not_allowed", "That cannot be done with it."),
    408: ("request_timeout", "The request took too long to come."),
    409: ("conflict", "That cannot be done now."),
    413: ("too_large", "The body is too long."),
    415: ("unsupported_media_type", "Bodies are JSON: `Content-Type: application/json`, UTF-8, not compressed."),
    421: ("unknown_host", "I am not known by the name in the `Host` header."),
    422: ("invalid", "Something in the request is not as it must be."),
    429: ("too_many_requests", "Too many attempts; wait a while."),
    500: ("internal_error", "It failed inside Tugbot; the log has it under the reference."),
    503: ("unavailable", "The bot's store cannot be read or written now; ask again later."),
    507: ("insufficient_storage", "The bot's disk has no room for it."),
}
_KEPT = ("WWW-Authenticate", "Retry-After", "Allow")


def told(problem: Problem) -> web.Response:
    word, words = WORDS[problem.status]
    refusal = Refusal(
        error=problem.error or word,
        message=problem.message or words,
        field=problem.field,
        reference=problem.reference,
    )
    text = refusal.model_dump_json(exclude_defaults=True)
    answer = web.Response(text=text, status=problem.status, content_type="application/json")
    if problem.retry_after is not None:
        answer.headers["Retry-After"] = f"{problem.retry_after:.0f}"
    if problem.status in CLOSES:
        answer.force_close()
    return answer


def translated(exc: web.HTTPException) -> web.Response:
    """What access and bodies have raised, in our words. Raises what is no refusal."""
    if exc.status not in WORDS:
        raise exc
    answer = told(Problem(exc.status, ""))
    answer.headers.update({name: exc.headers[name] for name in _KEPT if name in exc.headers})
    return answer
