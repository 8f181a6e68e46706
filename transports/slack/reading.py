"""What people say and do, from the payloads that Slack sends. Pure: content is anyone's, whatever its shape."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from transports.clean import clean_text
from transports.slack.model import LEFT, REVOKED

_CHANNEL = re.compile(r"[CDG][A-Z0-9]{1,30}")
_USER = re.compile(r"[UW][A-Z0-9]{1,30}")
_TS = re.compile(r"[0-9]{1,12}\.[0-9]{1,10}")

# Of messages: those that people write. All others tell of joins, topics, bots and the like.
SLACKBOT = "USLACKBOT"
_SPOKEN = ("", "file_share", "thread_broadcast", "me_message")


@dataclass(frozen=True, slots=True)
class FileRef:
    """A file that a message brings."""

    name: str
    url: str  # needs our token
    size: int


@dataclass(frozen=True, slots=True)
class Said:
    """A message that somebody sent."""

    channel: str
    ts: str
    user: str
    text: str  # as Slack writes it: escaped, people and links in angle brackets
    direct: bool  # in a conversation of two
    thread: str = ""  # ts of its root
    root_user: str = ""  # who wrote that
    files: tuple[FileRef, ...] = ()
    edited: str = ""  # ts of its latest edit


@dataclass(frozen=True, slots=True)
class Changed:
    """An edit (text) or deletion (None) of an earlier message."""

    channel: str
    of: str  # ts
    user: str  # who wrote it; nobody else can edit it
    text: str | None
    edited: str = ""  # ts of the edit


@dataclass(frozen=True, slots=True)
class Pressed:
    """A button under a message of ours."""

    id: str  # of this press
    channel: str
    ts: str  # of the message
    thread: str
    user: str
    text: str  # what it says, as if typed
    key: str  # of the message (Outbound.key)
    root_user: str = ""  # who wrote the thread's root


@dataclass(frozen=True, slots=True)
class Commanded:
    """`/tugbot text`"""

    id: str
    channel: str
    user: str
    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """We were thrown out: of the workspace, or of a channel."""

    what: str  # the event's type
    channel: str = ""


Read: TypeAlias = Said | Changed | Pressed | Commanded | Ended


def event(body: Mapping[str, Any], me: str) -> Read | None:
    """Of an Events API payload; `me`: our user id. None: nothing for us."""
    inner = _map(body, "event")
    kind = _text(inner, "type")
    if kind == "app_mention":
        return message(inner, me, direct=False)
    if kind == "message":
        return message(inner, me, direct=_text(inner, "channel_type") == "im")
    if kind in REVOKED:
        # Tokens of people are none of ours, and are told in the same way.
        return None if kind == "tokens_revoked" and _map(inner, "tokens").get("bot") == [] else Ended(kind)
    if kind in LEFT:
        return Ended(kind, _match(_CHANNEL, inner, "channel"))
    return None


def is_for(body: Mapping[str, Any], team: str) -> bool:
    """Whether an Events API payload is told to this workspace: an app that is in several is told of all of them."""
    listed = body.get("authorizations")
    told = [body, *(each for each in (listed if isinstance(listed, list) else []) if isinstance(each, Mapping))]
    names = {_text(each, key) for each in told for key in ("team_id", "context_team_id", "enterprise_id")} - {""}
    return not names or team in names


def message(found: Mapping[str, Any], me: str, *, direct: bool, channel: str = "") -> Said | Changed | None:
    """Of a message's event, or of a message in a history (`channel`: whose)."""
    channel = channel or _match(_CHANNEL, found, "channel")
    subtype = _text(found, "subtype")
    if not channel:
        return None
    if subtype == "message_changed":
        return _changed(_map(found, "message"), _map(found, "previous_message"), channel, me)
    if subtype == "message_deleted":
        return _deleted(_map(found, "previous_message"), channel, _match(_TS, found, "deleted_ts"), me)
    ts, user = _match(_TS, found, "ts"), _match(_USER, found, "user")
    if subtype not in _SPOKEN or not ts or not user or user in (me, SLACKBOT) or found.get("bot_id"):
        return None
    files = tuple(_files(found))
    text = _spoken(found)
    if not text.strip() and not files:
        return None
    thread = _match(_TS, found, "thread_ts")
    return Said(
        channel=channel,
        ts=ts,
        user=user,
        text=text,
        direct=direct,
        thread="" if thread == ts else thread,
        root_user=_match(_USER, found, "parent_user_id"),
        files=files,
        edited=_match(_TS, _map(found, "edited"), "ts"),
    )


def pressed(body: Mapping[str, Any]) -> Pressed | None:
    """Of a `block_actions` payload; None: no button of ours."""
    actions = body.get("actions")
    action = actions[0] if isinstance(actions, list) and actions and isinstance(actions[0], Mapping) else {}
    container = _map(body, "container")
    channel = _match(_CHANNEL, container, "channel_id") or _match(_CHANNEL, _map(body, "channel"), "id")
    ts, user = _match(_TS, container, "message_ts"), _match(_USER, _map(body, "user"), "id")
    value = _value(_text(action, "value"))
    text, key = clean_text(_text(value, "text")), clean_text(_text(value, "key"))
    if not (channel and ts and user and text):
        return None
    thread = _match(_TS, container, "thread_ts") or _match(_TS, _map(body, "message"), "thread_ts")
    what = f"{channel}:{ts}:{_text(action, 'action_id')[:80]}:{_text(action, 'action_ts')[:40]}:{user}"
    root_user = _match(_USER, _map(body, "message"), "parent_user_id")
    return Pressed(what, channel, ts, "" if thread == ts else thread, user, text, key, root_user)


def commanded(body: Mapping[str, Any]) -> Commanded | None:
    """Of a slash command's payload."""
    channel, user = _match(_CHANNEL, body, "channel_id"), _match(_USER, body, "user_id")
    trigger = _text(body, "trigger_id")[:200]
    if not (channel and user and trigger):
        return None
    return Commanded(f"command:{trigger}", channel, user, clean_text(_text(body, "text")))


def strip(text: str, me: str, name: str) -> tuple[str, bool]:
    """`text` without our mention, our name or the prefix `!` at its front, and whether it speaks to us anywhere."""
    pill = rf"<@{re.escape(me)}(?:\|[^>]*)?>"
    mentioned = re.search(pill, text) is not None
    # A bare name without "@" or a colon may be the first word of a sentence: "tugbot is great".
    named = rf"(?:@{re.escape(name)}(?:\s*[:,]+|(?=\s)|\Z)|{re.escape(name)}\s*[:,]+)" if name else r"(?!)"
    if found := re.match(rf"\s*(?:{pill}\s*[:,]*|{named})\s*", text, re.IGNORECASE):
        return text[found.end() :], True
    if found := re.match(r"\s*!(?=[A-Za-z])", text):
        return text[found.end() :], True
    return text, mentioned


def _changed(new: Mapping[str, Any], old: Mapping[str, Any], channel: str, me: str) -> Changed | None:
    ts, user = _match(_TS, new, "ts"), _match(_USER, new, "user") or _match(_USER, old, "user")
    if _text(new, "subtype") == "tombstone":  # a deleted message that has answers
        return _deleted(old, channel, ts, me)
    edited = _match(_TS, _map(new, "edited"), "ts")
    # Slack also tells so of links that it unfolds, and of answers that a message got.
    is_same = _text(new, "text") == _text(old, "text") and bool(old)
    if not ts or not user or user == me or new.get("bot_id") or is_same or not _text(new, "text").strip():
        return None
    return Changed(channel, ts, user, _spoken(new), edited)


def _deleted(old: Mapping[str, Any], channel: str, ts: str, me: str) -> Changed | None:
    ts, user = ts or _match(_TS, old, "ts"), _match(_USER, old, "user")
    if not ts or not user or user == me or old.get("bot_id"):
        return None
    return Changed(channel, ts, user, None)


def _spoken(found: Mapping[str, Any]) -> str:
    text = clean_text(_text(found, "text"))
    if not text.strip():
        text = _forwarded(found)
    return f"_{text}_" if _text(found, "subtype") == "me_message" and text else text


def _forwarded(found: Mapping[str, Any]) -> str:
    """Somebody else's message that was passed on without a word."""
    listed = found.get("attachments")
    shared = [each for each in (listed if isinstance(listed, list) else []) if isinstance(each, Mapping)]
    texts = (clean_text(_text(each, "text")) for each in shared if each.get("is_share") is True)
    return "\n".join(f"> {line}" for text in texts for line in text.splitlines())


def _files(found: Mapping[str, Any]) -> list[FileRef]:
    listed = found.get("files")
    return [
        FileRef(
            clean_text(_text(each, "name") or _text(each, "title")) or "file",
            _text(each, "url_private_download") or _text(each, "url_private"),
            size if isinstance(size := each.get("size"), int) else 0,
        )
        for each in (listed if isinstance(listed, list) else [])
        if isinstance(each, Mapping) and _text(each, "mode") not in ("tombstone", "hidden_by_limit")
    ]


def _value(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, Mapping) else {}


def _map(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = content.get(key)
    return value if isinstance(value, Mapping) else {}


def _text(content: Mapping[str, Any], key: str) -> str:
    value = content.get(key)
    return value if isinstance(value, str) else ""


def _match(form: re.Pattern[str], content: Mapping[str, Any], key: str) -> str:
    value = _text(content, key)
    return value if form.fullmatch(value) else ""
