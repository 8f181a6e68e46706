"""What we say, as the content of Matrix events. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from transports.base import Outbound
from transports.clean import clean_output
from transports.matrix.markup import is_plain, to_html

WRITING = "…"  # what an edit says to clients that cannot show edits
QUIET = frozenset({"header", "notice", "receipt", "refusal", "tool"})  # kinds that are no agent's words
REPEAT = "(perhaps sent before)"


def place_of(target: str) -> tuple[str, str]:
    """Room and thread ("": none) of "matrix/<room>[/<thread>]"; ids of old rooms' events may hold slashes."""
    _, _, rest = target.partition("/")
    room, _, thread = rest.partition("/")
    return room, thread


def transaction_of(message: Outbound, part: str = "") -> str:
    """A transaction id that a second attempt repeats; a message without a key gets none ("")."""
    if not message.key:
        return ""
    # With the text: where the data directory was made anew, keys begin anew as well, and the homeserver would take an
    # answer for one that it has.
    said = f"{message.target}\0{message.key}\0{part}\0{message.text}"
    return hashlib.sha256(said.encode(errors="replace")).hexdigest()[:40]


def new_message(message: Outbound, thread: str, limit: int) -> dict[str, Any]:
    """`limit`: bytes of the content; the formatted text is left out where it would be too long."""
    body = f"{REPEAT} {message.text}" if message.repeat and not message.key else message.text
    relation = {"m.relates_to": _in_thread(thread)} if thread else {}
    return {**_spoken(message, body, limit - size_of(relation)), **relation}


def edited(event_id: str, message: Outbound, limit: int) -> dict[str, Any]:
    """The new text of `event_id`, which must be the original event, never an edit of it.

    Clients that cannot show edits show each as a message of its own: they get the last one whole, where it fits, and of
    those before it a sign only. The last one is known by its key: it comes from the outbox.
    """
    short = _edit(event_id, message, WRITING, limit)
    if not message.key:
        return short
    whole = _edit(event_id, message, clean_output(message.text), limit)
    fits = size_of(whole) <= limit and whole["m.new_content"] == short["m.new_content"]
    return whole if fits else short


def _edit(event_id: str, message: Outbound, fallback: str, limit: int) -> dict[str, Any]:
    around = {
        "msgtype": _msgtype(message),
        "body": f"* {fallback}",
        "m.new_content": {},
        "m.mentions": {},
        "m.relates_to": {"rel_type": "m.replace", "event_id": event_id},
    }
    return {**around, "m.new_content": _spoken(message, message.text, limit - size_of(around))}


def reaction(event_id: str, symbol: str) -> dict[str, Any]:
    return {"m.relates_to": {"rel_type": "m.annotation", "event_id": event_id, "key": symbol}}


def file_message(name: str, mime: str, size: int, named: Mapping[str, Any], thread: str) -> dict[str, Any]:
    """`named`: what the upload gave, {"url": …} or {"file": …}."""
    kind = {"image": "m.image", "audio": "m.audio", "video": "m.video"}.get(mime.partition("/")[0], "m.file")
    content = {"msgtype": kind, "body": name, "filename": name, "info": {"mimetype": mime, "size": size}, **named}
    if thread:
        content["m.relates_to"] = _in_thread(thread)
    return content


def size_of(content: Mapping[str, Any]) -> int:
    """Bytes, as the homeserver counts them."""
    return len(json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode(errors="replace"))


def _spoken(message: Outbound, body: str, limit: int) -> dict[str, Any]:
    content: dict[str, Any] = {"msgtype": _msgtype(message), "body": clean_output(body), "m.mentions": {}}
    html = to_html(body, message.asides if body == message.text else ())
    if html and not is_plain(html):
        formatted = {**content, "format": "org.matrix.custom.html", "formatted_body": html}
        if size_of(formatted) <= limit:
            return formatted
    return content


def _msgtype(message: Outbound) -> str:
    return "m.notice" if message.kind in QUIET else "m.text"


def _in_thread(root: str) -> dict[str, Any]:
    # Clients without threads show the fall-back: a reply to the root.
    return {
        "rel_type": "m.thread",
        "event_id": root,
        "is_falling_back": True,
        "m.in_reply_to": {"event_id": root},
    }
