"""What the document says of calls that are served beside the table of routes: health, metrics and live events. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, Field

from bot.gateway.api.fields import LINE
from bot.gateway.api.model import BASE, LARGEST, Refusal, Shown
from bot.gateway.api.refusals import WORDS

Json: TypeAlias = dict[str, Any]
SCHEMAS = "#/components/schemas/"
STREAM = "get_events"  # the operation whose answer does not end


class Health(Shown):
    """That the bot lives; for callers, what does not work."""

    status: Literal["ok", "degraded"]
    degraded: list[str] = Field(default=[], description="What does not work, a line each. Only for callers.")


def paths() -> Mapping[str, Json]:
    return {
        f"{BASE}/health": {"get": _health()},
        f"{BASE}/metrics": {"get": _metrics()},
        f"{BASE}/events": {"get": _events()},
    }


def response(description: str, model: type[BaseModel]) -> Json:
    schema = {"$ref": f"{SCHEMAS}{model.__name__}"}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def refused(statuses: Sequence[int]) -> Json:
    return {str(status): response(WORDS[status][1], Refusal) for status in sorted(statuses)}


def _health() -> Json:
    return {
        "operationId": "get_health",
        "summary": "Says that the bot lives",
        "description": "For everybody.",
        "tags": ["health"],
        "security": [],
        "responses": {"200": response("It lives.", Health), **refused((421,))},
    }


def _metrics() -> Json:
    return {
        "operationId": "get_metrics",
        "summary": "Gives figures to Prometheus",
        "description": "In its text format, version 0.0.4. For operators and above.",
        "tags": ["metrics"],
        "responses": {"200": _text("Figures.", "text/plain"), **refused((401, 403, 421, 429, 500))},
    }


def _events() -> Json:
    number = {"type": "integer", "minimum": 0, "maximum": LARGEST}
    after = {"type": "string", "maxLength": 40, "pattern": LINE}
    about = (
        "Server-sent events, described in docs/reference/events.md. The stream goes on until one of us ends it. "
        "Whoever comes back says which event was the last: in `Last-Event-ID`, as browsers do by themselves, or in "
        "`after`. Members hear of what is about a project, and of their own conversations. For members and above."
    )
    return {
        "operationId": STREAM,
        "summary": "Tells what happens, as it happens",
        "description": about,
        "tags": ["events"],
        "parameters": [
            _parameter("session", "query", "Only of this session.", {"type": "string"}),
            _parameter("run", "query", "Only of this run.", number),
            _parameter("after", "query", "The id of the last event that is known.", after),
            _parameter("Last-Event-ID", "header", "The same; it counts where both are given.", after),
        ],
        "responses": {
            "200": _text("What happens.", "text/event-stream"),
            **refused((400, 401, 403, 421, 429, 500, 503)),
        },
    }


def _text(description: str, kind: str) -> Json:
    return {"description": description, "content": {kind: {"schema": {"type": "string"}}}}


def _parameter(name: str, where: str, description: str, schema: Json) -> Json:
    return {"name": name, "in": where, "required": False, "description": description, "schema": schema}
