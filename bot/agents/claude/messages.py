"""What Tugbot writes to Claude Code, and which of its messages have been dealt with. Pure."""

from __future__ import annotations

import uuid
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]


def user(text: str, key: str) -> Json:
    """A person's message; `key`, a UUID, comes back when it is consumed (--replay-user-messages)."""
    content = [{"type": "text", "text": text}]
    return {
        "type": "user",
        "uuid": key,
        "message": {"role": "user", "content": content},
        "parent_tool_use_id": None,
    }


def interrupt(number: int) -> Json:
    return {"type": "control_request", "request_id": f"tugbot-{number}", "request": {"subtype": "interrupt"}}


def initialize(number: int) -> Json:
    return {"type": "control_request", "request_id": f"tugbot-{number}", "request": {"subtype": "initialize"}}


def response(request: str, content: Json) -> Json:
    return {
        "type": "control_response",
        "response": {"subtype": "success", "request_id": request, "response": content},
    }


def refusal(request: str, error: str) -> Json:
    return {"type": "control_response", "response": {"subtype": "error", "request_id": request, "error": error}}


class Pending:
    """Messages that were written and have not been answered.

    One that was sent while a tool ran is consumed into the same turn: one result for both. One that was sent while
    text streamed has a turn, and a result, of its own. So results are not counted; what a result covers is what had
    been consumed, that is replayed, before it.
    """

    def __init__(self) -> None:
        self._sent: list[str] = []
        self._consumed: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._sent)

    def send(self) -> str:
        """The key of a message that is about to be written."""
        self._sent.append(str(uuid.uuid4()))
        return self._sent[-1]

    def unsend(self, key: str) -> None:
        self._sent.remove(key)

    def consumed(self, key: str) -> None:
        """A message was replayed. One without a key of ours is taken for the oldest: versions before keys."""
        waiting = [each for each in self._sent if each not in self._consumed]
        if key in waiting:
            self._consumed.add(key)
        elif key not in self._consumed and waiting:
            self._consumed.add(waiting[0])

    @property
    def any_consumed(self) -> bool:
        return bool(self._consumed)

    def answered(self) -> None:
        """A result came."""
        self._sent = [key for key in self._sent if key not in self._consumed]
