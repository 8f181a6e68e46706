"""What people say, from the content of Matrix events. Pure: content is anyone's, whatever its shape."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from transports.clean import clean_text
from transports.matrix.model import Event

FILES = ("m.file", "m.image", "m.audio", "m.video")
# Of events and rooms. What is none is anyone's text and would end up in session keys.
_ID = re.compile(r"[$!][!-~]{1,254}")

SPOKEN = ("m.text", "m.emote", *FILES)  # m.notice is what bots say, and never answered


@dataclass(frozen=True, slots=True)
class Me:
    user: str
    display_name: str

    @property
    def localpart(self) -> str:
        return self.user[1:].partition(":")[0]


@dataclass(frozen=True, slots=True)
class Said:
    """A message that somebody sent."""

    text: str  # without our name at its front
    addressed: bool  # by name or prefix, not yet by where it stands
    thread: str = ""  # event id of the root
    reply_to: str = ""
    file: str = ""  # name of the file that it brings


@dataclass(frozen=True, slots=True)
class Changed:
    """An edit (text) or redaction (None) of an earlier event."""

    of: str
    text: str | None


@dataclass(frozen=True, slots=True)
class Reacted:
    to: str
    symbol: str


@dataclass(frozen=True, slots=True)
class Moved:
    """The room was upgraded."""

    to: str


def read(event: Event, me: Me) -> Said | Changed | Reacted | Moved | None:
    """None: nothing for us."""
    if event.kind == "m.room.message":
        return _message(event.content, me)
    if event.kind == "m.room.redaction":
        redacted = _id({"redacts": event.redacts}, "redacts") or _id(event.content, "redacts")
        return Changed(redacted, None) if redacted else None
    if event.kind == "m.reaction":
        relation = _map(event.content, "m.relates_to")
        to, symbol = _id(relation, "event_id"), _text(relation, "key")
        return Reacted(to, symbol) if to and symbol and _text(relation, "rel_type") == "m.annotation" else None
    if event.kind == "m.room.tombstone" and event.state_key == "":
        room = _id(event.content, "replacement_room")
        return Moved(room) if room else None
    return None


def membership(event: Event) -> str:
    """ "join", "invite", "leave" …; "" for other events."""
    return _text(event.content, "membership") if event.kind == "m.room.member" else ""


def relation_of(content: Mapping[str, Any]) -> tuple[str, str]:
    """Thread root and replied-to event of a message's content, "" each where there is none."""
    relation = _map(content, "m.relates_to")
    in_reply = _id(_map(relation, "m.in_reply_to"), "event_id")
    if _text(relation, "rel_type") != "m.thread":
        return "", in_reply
    # In a thread the reply is only for clients without threads, unless it says otherwise.
    return _id(relation, "event_id"), "" if relation.get("is_falling_back") else in_reply


def _message(content: Mapping[str, Any], me: Me) -> Said | Changed | None:
    relation = _map(content, "m.relates_to")
    if _text(relation, "rel_type") == "m.replace":
        new = _map(content, "m.new_content")
        of = _id(relation, "event_id")
        text, _ = strip(_body(new), me, _is_mentioned(new, me))
        return Changed(of, text) if of and _text(new, "msgtype") in SPOKEN and text.strip() else None
    kind = _text(content, "msgtype")
    if kind not in SPOKEN:
        return None
    thread, reply_to = relation_of(content)
    body = _body(content, drop_quote=bool(reply_to))
    file = ""
    if kind in FILES:
        file = clean_text(_text(content, "filename") or _text(content, "body")) or "file"
        body = "" if body == file or not _text(content, "filename") else body  # else it is a caption
    mentioned = _is_mentioned(content, me)
    text, named = strip(body, me, mentioned)
    if not text.strip() and not file:
        return None
    return Said(text, named or mentioned, thread, reply_to, file)


def strip(text: str, me: Me, mentioned: bool = False) -> tuple[str, bool]:
    """`text` without our name or the prefix `!` at its front, and whether there was one."""
    names = {me.user[1:], me.localpart, me.display_name} - {""}
    alternatives = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    pill = rf"(?P<pill>\[[^\]\n]{{0,200}}\]\(https://matrix\.to/#/{re.escape(me.user)}\))"  # Element X writes Markdown
    found = re.match(rf"\s*(?:{pill}|@?(?:{alternatives}))(?:\s*[:,]+|(?=\s)|\Z)\s*", text, re.IGNORECASE)
    # A bare name without "@" or a colon may be the first word of a sentence: "tugbot is great".
    if found and (mentioned or found["pill"] or found[0].rstrip().endswith((":", ",")) or found[0].lstrip()[:1] == "@"):
        return text[found.end() :], True
    prefix = re.match(r"\s*!(?=[A-Za-z])", text)
    return (text[prefix.end() :], True) if prefix else (text, False)


def _body(content: Mapping[str, Any], *, drop_quote: bool = False) -> str:
    body = clean_text(_text(content, "body"))
    if drop_quote and re.match(r"> (?:\* )?<@", body):
        # Clients before v1.13 of the specification repeat what they reply to, and who said it.
        _, found, rest = body.partition("\n\n")
        body = rest if found else body
    return f"*{body}*" if _text(content, "msgtype") == "m.emote" else body


def _is_mentioned(content: Mapping[str, Any], me: Me) -> bool:
    return me.user in _list(_map(content, "m.mentions"), "user_ids") or _is_linked(content, me)


def _is_linked(content: Mapping[str, Any], me: Me) -> bool:
    """A pill, as clients without m.mentions make it."""
    html = _text(content, "formatted_body")
    return "m.mentions" not in content and f"https://matrix.to/#/{me.user}" in html.replace("%40", "@").replace(
        "%3A", ":"
    )


def _map(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = content.get(key)
    return value if isinstance(value, Mapping) else {}


def _list(content: Mapping[str, Any], key: str) -> list[Any]:
    value = content.get(key)
    return value if isinstance(value, list) else []


def _text(content: Mapping[str, Any], key: str) -> str:
    value = content.get(key)
    return value if isinstance(value, str) else ""


def _id(content: Mapping[str, Any], key: str) -> str:
    value = _text(content, key)
    return value if _ID.fullmatch(value) else ""
