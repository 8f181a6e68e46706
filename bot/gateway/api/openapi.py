"""The OpenAPI 3.1 document, made of the very table that the routes are made of. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from bot.gateway.api import beside
from bot.gateway.api.beside import SCHEMAS, Health
from bot.gateway.api.model import BASE, Content, Refusal, Route, Shown
from bot.gateway.api.reading import BYTES
from bot.gateway.api.table import ROUTES

Json: TypeAlias = dict[str, Any]
_HOLE = re.compile(r"\{(\w+)\}")
# What any request may be answered with: who calls is asked of all, and the store may be away.
ALWAYS = (401, 403, 421, 422, 429, 500, 503)
WITH_BODY = (400, 408, 413, 415)
ABOUT = """What scripts, editors and CI use; the page uses the same.

Callers are known by a token (`tugbot token create`), or by the cookie of a login. What members may not see is answered
as if it were not there. Times are RFC 3339, in UTC. Fields that are not known are refused. What is asked for here takes
the way of every message: it is committed before anything is done, and told in its conversation."""

COOKIE = "Of a login. What changes something then needs the header `X-Tugbot: 1` too, and an `Origin` of ours."


def text() -> str:
    return json.dumps(document(), ensure_ascii=False)


def document() -> Json:
    schemas = _schemas(ROUTES)
    paths: Json = {**beside.paths()}
    for route in ROUTES:
        paths.setdefault(f"{BASE}{route.path}", {})[route.method.lower()] = _operation(route, schemas)
    shown = {name: schema for name, schema in schemas.items() if name not in {each.params.__name__ for each in ROUTES}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tugbot", "version": version("tugbot"), "description": ABOUT, "license": {"name": "MIT"}},
        "servers": [{"url": "/"}],
        "security": [{"token": []}, {"cookie": []}],
        "paths": paths,
        "components": {
            "schemas": shown,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "tugbot", "description": COOKIE},
            },
        },
    }


def _schemas(routes: Sequence[Route]) -> Mapping[str, Json]:
    given: set[type[BaseModel]] = {model for route in routes for model in (route.params, route.body) if model}
    shown: set[type[BaseModel]] = {Refusal, Health}
    shown |= {model for route in routes for model in route.answers.values() if issubclass(model, Shown)}
    kinds = [(model, _mode(model)) for model in sorted(given | shown, key=_name)]
    _, top = models_json_schema(kinds, ref_template=f"{SCHEMAS}{{model}}")
    return dict(sorted(top["$defs"].items()))


def _mode(model: type[BaseModel]) -> Literal["validation", "serialization"]:
    """Whether what has a default may be left out: in what is given, and in these two."""
    return "serialization" if issubclass(model, Shown) and model not in (Refusal, Health) else "validation"


def _name(model: type[BaseModel]) -> str:
    return model.__name__


def _operation(route: Route, schemas: Mapping[str, Json]) -> Json:
    operation: Json = {
        "operationId": operation_id(route),
        "summary": route.summary,
        "description": f"{route.details} For {route.role}s and above.".strip()
        if route.role != "owner"
        else route.details,
        "tags": [route.path.split("/")[1]],
        "parameters": _parameters(route, schemas[_name(route.params)]),
        "responses": _responses(route),
    }
    if route.body is not None:
        wanted = bool(schemas[_name(route.body)].get("required"))
        operation["requestBody"] = {"required": wanted, "content": _content(route.body)}
    if route.raw:
        operation["requestBody"] = {"required": False, "content": _content(Content)}  # a file may be empty
    return operation


def operation_id(route: Route) -> str:
    """`GET /runs/{id}` → "get_runs_id"."""
    return "_".join([route.method.lower(), *re.findall(r"\w+", route.path)])


def _parameters(route: Route, schema: Json) -> Sequence[Json]:
    holes = _HOLE.findall(route.path)
    found = []
    for name, about in schema.get("properties", {}).items():
        plain = _without_null(about)
        description = plain.pop("description", "")
        found.append(
            {
                "name": name,
                "in": "path" if name in holes else "query",
                "required": name in schema.get("required", ()),
                **({"description": description} if description else {}),
                "schema": plain,
            }
        )
    return found


def _without_null(about: Json) -> Json:
    """In a path or a query nothing is null; what is absent is."""
    plain = {key: value for key, value in about.items() if key != "title" and not (key == "default" and value is None)}
    kinds = [kind for kind in plain.pop("anyOf", ()) if kind != {"type": "null"}]
    return {**kinds[0], **plain} if kinds else plain


def _responses(route: Route) -> Json:
    responses = {
        str(status): {"description": _said(status), "content": _content(model)}
        for status, model in route.answers.items()
    }
    refuses = {*ALWAYS, *WITH_BODY, *route.refuses, *((404,) if _HOLE.search(route.path) else ())}
    return responses | beside.refused([*refuses])


def _said(status: int) -> str:
    return {200: "Here it is.", 201: "It is there.", 202: "Accepted; the work goes on."}[status]


def _content(model: type[BaseModel] | type[Content]) -> Json:
    if issubclass(model, Content):
        return {BYTES: {"schema": {"type": "string", "format": "binary"}}}
    return {"application/json": {"schema": {"$ref": f"{SCHEMAS}{_name(model)}"}}}
