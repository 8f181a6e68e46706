"""What one device gets to know through /sync: timelines without holes, invitations, typing, receipts."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.matrix_wire import Json, Wire

FILTER = '{"room":{"timeline":{"limit":100},"state":{"types":[]}},"presence":{"types":[]}}'


@dataclass
class Feed:
    wire: Wire
    whole: Callable[[str], list[Json]]  # a room's timeline by other means, to begin with and after a hole
    since: str = ""
    timelines: dict[str, list[Json]] = field(default_factory=dict)  # of the rooms that are watched
    invited: dict[str, Json] = field(default_factory=dict)  # room to the event that asked us in
    typed: dict[str, list[frozenset[str]]] = field(default_factory=dict)  # who was typing, each time that changed
    read: dict[str, dict[str, str]] = field(default_factory=dict)  # room to person to the event read last

    def watch(self, room: str) -> list[Json]:
        """From now on the timeline is kept. What happens between the two steps is in both, and taken once."""
        if room not in self.timelines:
            self.follow(0)
            self.timelines[room] = self.whole(room)
        return self.timelines[room]

    def follow(self, timeout: int) -> None:
        """One /sync, of at most `timeout` milliseconds."""
        query: dict[str, str | int] = {"filter": FILTER, "timeout": timeout}
        if self.since:
            query["since"] = self.since
        try:
            said = self.wire.call("GET", "/sync", query=query)
        except (OSError, http.client.HTTPException):
            time.sleep(0.1)  # the server is being restarted
            return
        self.since = said["next_batch"]
        self._take(said.get("rooms", {}))

    def _take(self, rooms: Json) -> None:
        for room, about in rooms.get("invite", {}).items():
            members = (event for event in about["invite_state"]["events"] if event["type"] == "m.room.member")
            self.invited[room] = next(event for event in members if event["content"]["membership"] == "invite")
        for kind in ("join", "leave"):
            for room, about in rooms.get(kind, {}).items():
                self.invited.pop(room, None)
                self._timeline(room, about["timeline"])
                for event in about.get("ephemeral", {}).get("events", ()):
                    self._passing(room, event)

    def _timeline(self, room: str, news: Json) -> None:
        if room not in self.timelines:
            return
        if news.get("limited"):
            self.timelines[room] = self.whole(room)
        known = {event["event_id"] for event in self.timelines[room]}
        self.timelines[room] += [event for event in news["events"] if event["event_id"] not in known]

    def _passing(self, room: str, event: Json) -> None:
        if event["type"] == "m.typing":
            self.typed.setdefault(room, []).append(frozenset(event["content"]["user_ids"]))
        elif event["type"] == "m.receipt":
            for about, kinds in event["content"].items():
                for reader in kinds.get("m.read", {}):
                    self.read.setdefault(room, {})[reader] = about
