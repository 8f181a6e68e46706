"""Anthropic Messages, https://docs.anthropic.com/en/api/messages-streaming, as far as agents use it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from typing import Any

from tests.model_api.script import Act, Say, Shell, User, spoken

_ids = count(1)

# The names that programs give to the tool that runs a shell command, and its argument's.
SHELLS = ("Bash", "bash", "mcp__acp__Bash", "shell", "run_shell_command")


def users(body: dict[str, Any]) -> list[User]:
    """The user messages of a request, without what the program put around them."""
    found = [_user(message["content"]) for message in body.get("messages", ()) if message["role"] == "user"]
    return [user for user in found if user.text or user.results]


def _user(content: str | list[dict[str, Any]]) -> User:
    if isinstance(content, str):
        return User(spoken(content))
    texts = [spoken(block["text"]) for block in content if block["type"] == "text"]
    results = [_result(block) for block in content if block["type"] == "tool_result"]
    return User("\n".join(text for text in texts if text), tuple(results))


def _result(block: dict[str, Any]) -> str:
    content = block.get("content") or ""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def shell_tool(body: dict[str, Any]) -> str | None:
    names = [tool.get("name") for tool in body.get("tools", ())]
    return next((name for name in SHELLS if name in names), None)


def stream(act: Act, body: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """Server-sent events, each with the seconds to wait before it."""
    message = {"id": f"msg_{next(_ids)}", "type": "message", "role": "assistant", "model": body.get("model", "fake")}
    usage = {"input_tokens": 10, "output_tokens": 1}
    start = {"message": {**message, "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}}
    yield _event("message_start", **start), 0.0
    if isinstance(act, Shell):
        yield from _tool(act, shell_tool(body) or "Bash")
        reason = "tool_use"
    else:
        assert isinstance(act, Say)
        yield from _text(act)
        reason = "end_turn"
    delta = {"stop_reason": reason, "stop_sequence": None}
    yield _event("message_delta", delta=delta, usage={"output_tokens": 20}), 0.0
    yield _event("message_stop"), 0.0


def whole(act: Act, body: dict[str, Any]) -> dict[str, Any]:
    """The same as one JSON object, for requests that are not streamed (titles, summaries)."""
    text = "".join(act.pieces) if isinstance(act, Say) else "ok"
    return {
        "id": f"msg_{next(_ids)}",
        "type": "message",
        "role": "assistant",
        "model": body.get("model", "fake"),
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 20},
    }


def _text(act: Say) -> Iterator[tuple[str, float]]:
    yield _event("content_block_start", index=0, content_block={"type": "text", "text": ""}), 0.0
    for piece in act.pieces:
        yield _event("content_block_delta", index=0, delta={"type": "text_delta", "text": piece}), act.pause
    yield _event("content_block_stop", index=0), 0.0


def _tool(act: Shell, name: str) -> Iterator[tuple[str, float]]:
    block = {"type": "tool_use", "id": f"toolu_{next(_ids)}", "name": name, "input": {}}
    given = json.dumps({"command": act.command, "description": "as asked"})
    yield _event("content_block_start", index=0, content_block=block), 0.0
    for half in (given[:10], given[10:]):
        delta = {"type": "input_json_delta", "partial_json": half}
        yield _event("content_block_delta", index=0, delta=delta), 0.0
    yield _event("content_block_stop", index=0), 0.0


def _event(kind: str, **fields: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n"
