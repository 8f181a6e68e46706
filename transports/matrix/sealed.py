"""Messages that could not be decrypted: kept until their key comes, told after a while, given up after a week."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from transports.base import Disconnected, PermanentFailure, TemporaryFailure
from transports.matrix.model import Event, Homeserver

log = logging.getLogger(__name__)

PREFIX = "sealed/"  # of keepsakes; behind it the event's id
QUIET = 3600.0  # seconds between two such notices in a room
TOLD_AFTER = 300.0  # seconds: keys that are late come within moments
GIVEN_UP = 7 * 86_400.0
MOST = 500  # events that are kept; beyond, the oldest go
WORDS = (
    "I cannot decrypt {count}: the keys were not sent to me. Send it again; if that does not help, this client may "
    "refuse keys to devices that are not verified by cross-signing, and an unencrypted room is the way out."
)


@dataclass(frozen=True, slots=True)
class Entry:
    room: str
    since: float  # Unix seconds at which it came
    source: Mapping[str, Any]
    told: bool = False


class Sealed:
    def __init__(self, server: Homeserver) -> None:
        self._server = server
        self._entries: dict[str, Entry] = {}  # by event id, oldest first
        self._told_at: dict[str, float] = {}  # by room

    def load(self, kept: Mapping[str, str]) -> None:
        """`kept`: the keepsakes under PREFIX."""
        found = {key.removeprefix(PREFIX): _entry(value) for key, value in kept.items()}
        self._entries = dict(sorted(found.items(), key=lambda item: item[1].since))

    async def keep(self, event: Event, now: float) -> dict[str, str | None]:
        """What to write down."""
        if event.source is None:
            return {}
        if event.id in self._entries:  # handed in again, because it could not be written down
            return {PREFIX + event.id: _text(self._entries[event.id])}
        entry = self._entries[event.id] = Entry(event.room, now, event.source)
        log.warning("event %s of %s cannot be decrypted yet", event.id, event.room)
        try:
            await self._server.ask_for_key(event.source, event.room)
        except (TemporaryFailure, PermanentFailure) as exc:
            log.warning("its key could not be asked for: %s", exc)
        changes: dict[str, str | None] = {PREFIX + event.id: _text(entry)}
        while len(self._entries) > MOST:
            changes |= self.forget(next(iter(self._entries)))
        return changes

    async def opened(self) -> list[Event]:
        """Those that can be read by now. They stay until `forget`: what becomes of them must be committed first."""
        found = []
        for entry in list(self._entries.values()):
            event = await self._server.open(entry.source, entry.room)
            if event is not None:
                found.append(event)
        return found

    def forget(self, event_id: str) -> dict[str, str | None]:
        """What to write down."""
        return {PREFIX + event_id: None} if self._entries.pop(event_id, None) else {}

    async def complain(self, now: float) -> dict[str, str | None]:
        """Tell rooms what could not be read, once for each message, and give up what is too old. What to write down."""
        changes: dict[str, str | None] = {}
        late: dict[str, list[str]] = {}
        for event_id, entry in list(self._entries.items()):
            if now - entry.since > GIVEN_UP:
                changes |= self.forget(event_id)
            elif not entry.told and now - entry.since > TOLD_AFTER:
                late.setdefault(entry.room, []).append(event_id)
        for room, events in late.items():
            quiet = now - self._told_at.get(room, -QUIET) < QUIET
            if quiet or await self._told(room, events):
                self._told_at[room] = self._told_at[room] if quiet else now
                for event_id in events:
                    entry = self._entries[event_id] = replace(self._entries[event_id], told=True)
                    changes[PREFIX + event_id] = _text(entry)
        return changes

    async def _told(self, room: str, events: list[str]) -> bool:
        count = "a message" if len(events) == 1 else f"{len(events)} messages"
        content = {"msgtype": "m.notice", "body": WORDS.format(count=count), "m.mentions": {}}
        try:
            await self._server.put(room, "m.room.message", content, f"sealed-{events[0]}")
        except PermanentFailure:
            return True  # nobody is there to be told
        except (TemporaryFailure, Disconnected):
            return False
        return True


def _text(entry: Entry) -> str:
    return json.dumps({"room": entry.room, "since": entry.since, "source": entry.source, "told": entry.told})


def _entry(text: str) -> Entry:
    found = json.loads(text)
    return Entry(found["room"], found["since"], found["source"], found["told"])
