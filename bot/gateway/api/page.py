"""docs/reference/api.md, made of the OpenAPI document. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from bot.gateway.api.openapi import ABOUT, ALWAYS, WITH_BODY, document

Json: TypeAlias = Mapping[str, Any]

_COMMON = ", ".join(str(status) for status in sorted((*ALWAYS, *WITH_BODY)))
_HEAD = f"""# API

<!-- Made by script/docs from bot/gateway/api/. Change it there. -->

{ABOUT}

The gateway serves it where it is on (`[gateway]` in [the settings](settings.md)); how to get a token and ask is in
[Use the API](../how-to/use-the-api.md). The same as OpenAPI 3.1, for programs: `GET /api/v1/openapi.json`.

Every refusal is a [Refusal](#refusal): a word for programs, words for people, and what was wrong in the request. Any
call may be refused with {_COMMON}. Lists come in pages of at most 200; `next` says how to go on.
"""


def text() -> str:
    described = document()
    return "\n".join([_HEAD, *_operations(described), *_schemas(described)])


def _operations(described: Json) -> Iterator[str]:
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            yield f"## `{method.upper()} {path}`\n\n{operation['summary']}. {operation['description']}\n"
            if lines := [*_parameters(operation), *_body(operation), *_answers(operation)]:
                yield "\n".join(lines) + "\n"


def _parameters(operation: Json) -> Iterator[str]:
    for each in operation.get("parameters", ()):
        needed = ", required" if each["required"] and each["in"] == "query" else ""
        yield f"- `{each['name']}` ({each['in']}{needed}): {each.get('description') or _kind(each['schema'])}"


def _body(operation: Json) -> Iterator[str]:
    if body := operation.get("requestBody"):
        yield f"- Body{'' if body['required'] else ', which may be left out'}: {_linked(body)}"


def _answers(operation: Json) -> Iterator[str]:
    fine = [f"{status} with {_linked(each)}" for status, each in operation["responses"].items() if status < "300"]
    common = {str(status) for status in (*ALWAYS, *WITH_BODY)}
    listed = ", ".join(status for status in operation["responses"] if status >= "400" and status not in common)
    yield f"- Answers {', '.join(fine)}{f'; also refuses with {listed}' if listed else ''}."


def _linked(part: Json) -> str:
    ((kind, content),) = part["content"].items()
    if kind != "application/json":
        return f"`{kind}`"
    name = content["schema"]["$ref"].rpartition("/")[2]
    return f"[{name}](#{name.lower()})"


def _schemas(described: Json) -> Iterator[str]:
    for name, schema in described["components"]["schemas"].items():
        about = f"{schema['description']}\n\n" if "description" in schema else ""
        yield f"## {name}\n\n{about}{_fields(schema)}\n"


def _fields(schema: Json) -> str:
    if "enum" in schema:
        return f"One of {', '.join(f'`{value}`' for value in schema['enum'])}."
    given = schema.get("additionalProperties") is False
    lines = []
    for name, field in schema["properties"].items():
        needed = ", required" if given and name in schema.get("required", ()) else ""
        about = f": {field['description']}" if "description" in field else ""
        lines.append(f"- `{name}` ({_kind(field)}{needed}){about}")
    return "\n".join(lines)


def _kind(schema: Json) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}"
    return _plain(schema)


def _plain(schema: Json) -> str:
    kind = {"date-time": "time"}.get(schema.get("format", ""), schema.get("type", "anything"))
    bounds: Sequence[tuple[str, str]] = (("minimum", "from"), ("maximum", "to"), ("maxLength", "at most"))
    return " ".join([str(kind), *(f"{word} {schema[name]}" for name, word in bounds if name in schema)])
