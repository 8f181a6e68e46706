"""JSON lines between a driver and the bot: one object per line, both ways. Pure.

In:  {"type": "message", "event_id": …, "text": …, "sender": …, "session": …}   (type and session may be left out)
     {"type": "edit", "event_id": <of the amended message>, "text": …}  {"type": "retract", "event_id": …}
Out: {"type": "ack" | "nack" | "error" | "message", …}
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Literal

from transports.base import Ack, Amendment, Inbound, Outbound
from transports.clean import clean_text
from transports.console.local import ACCOUNT, NAME, inbound

Op = Literal["message", "edit", "retract"]

ID_LIMIT = 255  # characters of an event id or a sender
_OPS: tuple[Op, ...] = ("message", "edit", "retract")
_SESSION = re.compile(r"(?!\.+\Z)[A-Za-z0-9._-]{1,64}")  # never "..": a session may become a directory's name


@dataclass(frozen=True, slots=True)
class Request:
    """A line that was understood."""

    op: Op
    event: Inbound | Amendment


@dataclass(frozen=True, slots=True)
class Bad:
    """A line that was not."""

    reason: str
    event_id: str | None = None  # where it could be read


class _Wrong(Exception):
    """What is wrong with a field."""


def parse(line: bytes, user: str) -> Request | Bad:
    """A line's request; `user` speaks where the line names no sender. Unknown fields are left unread."""
    try:
        fields = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        return Bad("This line is not UTF-8.")
    except ValueError as exc:
        return Bad(f"This line is not JSON: {exc}.")
    except RecursionError:
        return Bad("This line is nested too deeply.")
    if not isinstance(fields, dict):
        return Bad("A line must be one JSON object.")
    try:
        return _request(fields, user)
    except _Wrong as exc:
        return Bad(str(exc), _readable_id(fields))


def _request(fields: dict[str, object], user: str) -> Request:
    op = _op(fields)
    event_id = _identifier(fields, "event_id")
    sender = _identifier(fields, "sender") if fields.get("sender") is not None else user
    session = _session(fields)
    text = None if op == "retract" else _text(fields)
    if op == "message":
        return Request(op, inbound(text or "", event_id, sender, session))
    return Request(op, Amendment(session, NAME, ACCOUNT, event_id, sender, text))


def _op(fields: dict[str, object]) -> Op:
    asked = fields.get("type", "message")
    for op in _OPS:
        if op == asked:
            return op
    raise _Wrong('"type" must be "message", "edit" or "retract".')


def _identifier(fields: dict[str, object], name: str) -> str:
    """Taken as it is or not at all: a cleaned id could be another message's."""
    value = fields.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > ID_LIMIT or clean_text(value) != value:
        raise _Wrong(f'"{name}" must be a text of 1 to {ID_LIMIT} characters without control characters.')
    return value


def _session(fields: dict[str, object]) -> str:
    value = fields.get("session")
    value = "local" if value is None else value
    if not isinstance(value, str) or not _SESSION.fullmatch(value):
        raise _Wrong('"session" must be 1 to 64 letters, digits, dots, underscores or hyphens.')
    return f"{NAME}/{value}"


def _text(fields: dict[str, object]) -> str:
    value = fields.get("text")
    if not isinstance(value, str) or not (text := clean_text(value)).strip():
        raise _Wrong('"text" must be a text that is not empty.')
    return text


def _readable_id(fields: dict[str, object]) -> str | None:
    value = fields.get("event_id")
    return clean_text(value[:ID_LIMIT]) if isinstance(value, str) else None


def ack(request: Request, given: Ack) -> bytes:
    event_id = request.event.event_id
    return _line(
        type="ack", event_id=event_id, op=request.op, status=given.status, id=given.id, reason=clean_text(given.reason)
    )


def nack(request: Request, reason: str) -> bytes:
    """Nothing was accepted; the driver may send the same line again."""
    return _line(type="nack", event_id=request.event.event_id, op=request.op, reason=reason)


def error(number: int, bad: Bad) -> bytes:
    named = {} if bad.event_id is None else {"event_id": bad.event_id}
    return _line(type="error", line=number, **named, reason=bad.reason)


def message(sent: Outbound) -> bytes:
    return _line(
        type="message",
        session=sent.target.removeprefix(NAME + "/"),
        target=sent.target,
        kind=sent.kind,
        text=clean_text(sent.text),
        key=sent.key,
        run=sent.run,
        repeat=sent.repeat,
    )


def _line(**fields: object) -> bytes:
    # U+2028, U+2029 and U+0085 end a line for some readers; the last is gone with the other controls.
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    return (text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029") + "\n").encode("utf-8", "replace")
