"""What clients put into events. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from tests.matrix_wire import Json


def message(
    text: str, *, thread: str = "", reply_to: str = "", mentions: Sequence[str] = (), html: str = "", kind: str = ""
) -> Json:
    return {"msgtype": kind or "m.text", **_worded(text, html, mentions), **_related(thread, reply_to)}


def correction(event: str, text: str, *, html: str = "", mentions: Sequence[str] = ()) -> Json:
    """`event` is the original's id, also where it has been edited before."""
    new = {"msgtype": "m.text", **_worded(text, html, mentions)}
    old = {"msgtype": "m.text", **_worded(f"* {text}", html and f"* {html}", mentions)}
    return {**old, "m.new_content": new, "m.relates_to": {"rel_type": "m.replace", "event_id": event}}


def reaction(event: str, key: str) -> Json:
    return {"m.relates_to": {"rel_type": "m.annotation", "event_id": event, "key": key}}


def file(
    name: str, size: int, mime: str, where: Json, *, caption: str = "", thread: str = "", mentions: Sequence[str] = ()
) -> Json:
    """With a caption, the body is that and the name goes elsewhere. `where` is {"url": …} or {"file": {…}}."""
    kind = mime.partition("/")[0]
    return {
        "msgtype": f"m.{kind}" if kind in ("image", "audio", "video") else "m.file",
        "filename": name,
        "info": {"mimetype": mime, "size": size},
        **where,
        **_worded(caption or name, "", mentions),
        **_related(thread, ""),
    }


def _worded(text: str, html: str, mentions: Sequence[str]) -> Json:
    formatted = {"format": "org.matrix.custom.html", "formatted_body": html} if html else {}
    return {"body": text, **formatted, "m.mentions": {"user_ids": list(mentions)} if mentions else {}}


def _related(thread: str, reply_to: str) -> Json:
    """In a thread every message is also a reply, for clients that know no threads; it says so by falling back."""
    if not thread:
        return {"m.relates_to": {"m.in_reply_to": {"event_id": reply_to}}} if reply_to else {}
    answered = {"m.in_reply_to": {"event_id": reply_to or thread}, "is_falling_back": not reply_to}
    return {"m.relates_to": {"rel_type": "m.thread", "event_id": thread, **answered}}
