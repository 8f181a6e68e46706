"""What a person sees of a room: its events, with edits applied and redacted ones gone. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Event = Mapping[str, Any]

MESSAGES = ("m.room.message", "m.room.encrypted")


@dataclass(frozen=True, slots=True)
class Said:
    """A message as a client shows it now."""

    id: str  # of the original event
    sender: str
    text: str  # "" where it could not be decrypted
    html: str  # "" without formatting
    kind: str  # m.text, m.notice, m.image …; "" where it could not be decrypted
    thread: str  # root event; "" on the room's main timeline
    answers: str  # event that it is a reply to; the fall-back of a thread is none
    edits: int  # how many edits it has had
    at: int  # milliseconds by the server's clock, of the original
    content: Event  # of its latest edit
    reactions: tuple[tuple[str, str], ...] = ()  # (key, sender), in order


def shown(events: Iterable[Event]) -> list[Said]:
    """Events in the order of the timeline, whole. Follows the rules of the specification for m.replace: only the
    sender may edit, only the original may be pointed at, the newest counts; a redacted edit counts no more."""
    listed = list(events)
    gone = redacted(listed)
    alive = [event for event in listed if event["event_id"] not in gone]
    edits = _by_target(alive, "m.replace")
    reactions = _by_target(alive, "m.annotation")
    originals = [event for event in alive if event["type"] in MESSAGES and _relation(event)[0] != "m.replace"]
    return [_said(event, edits.get(event["event_id"], []), reactions.get(event["event_id"], [])) for event in originals]


def redacted(events: Iterable[Event]) -> set[str]:
    """Told by the redaction, for what was received before it; told by the event itself where it came after."""
    found = set()
    for event in events:
        if event["type"] == "m.room.redaction":
            found.add(event["content"].get("redacts") or event.get("redacts", ""))  # moved in room version 11
        elif "redacted_because" in event.get("unsigned", {}):
            found.add(event["event_id"])
    return found


def _relation(event: Event) -> tuple[str, str]:
    related = event["content"].get("m.relates_to", {})
    return related.get("rel_type", ""), related.get("event_id", "")


def _by_target(events: Iterable[Event], kind: str) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = {}
    for event in events:
        relation, target = _relation(event)
        if relation == kind:
            found.setdefault(target, []).append(event)
    return found


def _said(event: Event, edits: Iterable[Event], reactions: Iterable[Event]) -> Said:
    valid = [edit for edit in edits if edit["sender"] == event["sender"] and "m.new_content" in edit["content"]]
    content = valid[-1]["content"]["m.new_content"] if valid else event["content"]
    related = event["content"].get("m.relates_to", {})  # an edit cannot move a message elsewhere
    in_thread = related.get("rel_type") == "m.thread"
    return Said(
        id=event["event_id"],
        sender=event["sender"],
        text=content.get("body", ""),
        html=content.get("formatted_body", ""),
        kind=content.get("msgtype", ""),
        thread=related["event_id"] if in_thread else "",
        answers=""
        if in_thread and related.get("is_falling_back")
        else related.get("m.in_reply_to", {}).get("event_id", ""),
        edits=len(valid),
        at=event["origin_server_ts"],
        content=content,
        reactions=tuple((each["content"]["m.relates_to"].get("key", ""), each["sender"]) for each in reactions),
    )
