"""OpenAI Responses, https://platform.openai.com/docs/api-reference/responses-streaming, as far as agents use it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from typing import Any

from tests.model_api.script import Act, Say, Shell, User, spoken

_ids = count(1)


def users(body: dict[str, Any]) -> list[User]:
    """The user's side of a request's input; results of tools are items of their own here."""
    found: list[User] = []
    items = body.get("input", ())
    if isinstance(items, str):
        return [User(spoken(items))]
    for item in items:
        if item.get("type", "message") == "message" and item.get("role") == "user":
            found.append(User(_text_of(item["content"])))
        elif item.get("type") in ("function_call_output", "custom_tool_call_output"):
            output = item.get("output")
            found.append(User("", (output if isinstance(output, str) else _text_of(output),)))
        elif item.get("type") == "message" and item.get("role") == "assistant":
            continue
    return [user for user in found if user.results or (user.text and not user.text.startswith("<"))]


def _text_of(content: Any) -> str:
    if isinstance(content, str):
        return spoken(content)
    return "\n".join(spoken(part.get("text", "")) for part in content or ())


def shell_call(body: dict[str, Any], command: str) -> dict[str, Any]:
    names = [tool.get("name") for tool in body.get("tools", ())]
    if "exec_command" in names:
        return {"type": "function_call", "name": "exec_command", "arguments": json.dumps({"cmd": command})}
    if "bash" in names:
        arguments = json.dumps({"command": command, "description": "as asked"})
        return {"type": "function_call", "name": "bash", "arguments": arguments}
    arguments = json.dumps({"command": ["bash", "-lc", command]})
    return {"type": "function_call", "name": "shell", "arguments": arguments}


def stream(act: Act, body: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """Server-sent events, each with the seconds to wait before it."""
    response = {"id": f"resp_{next(_ids)}", "object": "response", "status": "in_progress", "output": []}
    yield _event("response.created", response=response), 0.0
    if isinstance(act, Shell):
        item = {"id": f"fc_{next(_ids)}", "call_id": f"call_{next(_ids)}", **shell_call(body, act.command)}
        yield _event("response.output_item.done", output_index=0, item=item), 0.0
    else:
        assert isinstance(act, Say)
        item = {
            "id": f"m_{next(_ids)}",
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "".join(act.pieces), "annotations": []}],
        }
        yield _event("response.output_item.added", output_index=0, item={**item, "content": []}), 0.0
        for piece in act.pieces:
            place = {"item_id": item["id"], "output_index": 0, "content_index": 0}
            yield _event("response.output_text.delta", delta=piece, **place), act.pause
        yield _event("response.output_item.done", output_index=0, item=item), 0.0
    usage = {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 20,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 30,
    }
    done = {**response, "status": "completed", "output": [item], "usage": usage}
    yield _event("response.completed", response=done), 0.0


def _event(kind: str, **fields: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n"
