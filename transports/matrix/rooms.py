"""Which rooms we go to, and which one a room was before it was upgraded. Remembered across restarts."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from transports.base import Keepsakes, PermanentFailure, Receiver, TemporaryFailure
from transports.matrix.model import Homeserver, Invite

log = logging.getLogger(__name__)

INVITED = "invited/"  # keepsakes: invitations that nobody who may has sent yet
ENTERED = "entered/"  # rooms that we join, until their first news: "invite" or "moved"
WAS = "was/"  # a room's former self
JOINING = 10.0  # seconds for a join: meanwhile nobody is heard, and the room's server may be far away, or gone
PAUSE = 30.0  # seconds before a join is tried again, doubled each time
TRIES = 6
MOST = 50  # invitations that wait; anyone can send one


class Rooms:
    def __init__(
        self,
        name: str,
        server: Homeserver,
        keepsakes: Keepsakes,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._name = name  # of the transport
        self._server = server
        self._keepsakes = keepsakes
        self._clock = clock
        self._limited = 0.0  # until then the homeserver takes no join of ours
        self._tries: Counter[str] = Counter()  # joins that failed for now, by room
        self._later: dict[str, float] = {}  # when such a room is tried again
        self._kept: dict[str, str] = {}

    def load(self, kept: Mapping[str, str]) -> None:
        self._kept = {key: value for key, value in kept.items() if key.startswith((INVITED, ENTERED, WAS))}

    def entered(self, room: str) -> str:
        """How we came into a room of which no news was read yet: "invite" or "moved"; "" for every other room."""
        return self._kept.get(ENTERED + room, "")

    def was(self, room: str) -> str:
        return self._kept.get(WAS + room, "")

    def settled(self, room: str) -> dict[str, str | None]:
        """News of the room were read. What to write down."""
        return {ENTERED + room: None} if ENTERED + room in self._kept else {}

    def left(self, rooms: Sequence[str]) -> dict[str, str | None]:
        """What to write down."""
        changes: dict[str, str | None] = {}
        for room in rooms:
            log.warning("we are not in %s any more", room)
            changes |= {key: None for key in (INVITED + room, ENTERED + room) if key in self._kept}
        return changes

    def noted(self, invites: Sequence[Invite]) -> dict[str, str | None]:
        """What to write down: no later sync tells of an invitation again."""
        return {INVITED + each.room: json.dumps({"sender": each.sender, "direct": each.direct}) for each in invites}

    def written(self, changes: Mapping[str, str | None]) -> None:
        """What was to be written down is; until then all must be done as before, should it have to be done again."""
        for key, value in changes.items():
            self._kept.pop(key, None)
            if value is not None and key.startswith((INVITED, ENTERED, WAS)):
                self._kept[key] = value

    async def invited(self, receiver: Receiver) -> None:
        """Go where somebody invites us who may; what others sent waits until they may."""
        waiting = [key.removeprefix(INVITED) for key in self._kept if key.startswith(INVITED)]
        for room in waiting[:-MOST]:
            await self._keep({INVITED + room: None})
        for room in waiting[-MOST:]:
            invite_ = json.loads(self._kept[INVITED + room])
            # Into the successor of a room of ours whoever made it may invite us: many can only be joined so.
            admitted = self.was(room) or receiver.admits(self._name, invite_["sender"], direct=invite_["direct"])
            if admitted and self._clock() >= max(self._limited, self._later.get(room, 0.0)):
                await self._enter(room, "invite", ())

    async def follow(self, room: str, to: str, sender: str) -> None:
        """Go along when a room is upgraded."""
        if self.was(to) == room and not self.entered(to):  # else we were kept from joining it, or do all of it again
            return
        if self._clock() < max(self._limited, self._later.get(to, 0.0)):
            return  # whoever is there can invite us
        await self._keep({WAS + to: room})
        server = sender.partition(":")[2]
        if not await self._enter(to, "moved", (server,) if server else ()):
            await self._keep({INVITED + to: json.dumps({"sender": sender, "direct": False})})  # tried again with those

    async def _enter(self, room: str, how: str, via: Sequence[str]) -> bool:
        """False: not now."""
        # Before the join: the room's first news must be known for what they are, whatever happens between.
        await self._keep({ENTERED + room: how})
        try:
            async with asyncio.timeout(JOINING):
                await self._server.join(room, via)
        except (TemporaryFailure, TimeoutError) as exc:
            log.warning("%s cannot be joined now: %s", room, exc)
            return await self._put_off(room, getattr(exc, "retry_after", None))
        except PermanentFailure as exc:
            log.warning("%s could not be joined without an invitation: %s", room, exc)
            await self._keep({ENTERED + room: None})
        await self._keep({INVITED + room: None})
        return True

    async def _put_off(self, room: str, limited: float | None) -> bool:
        """Not now; after some tries, not at all: each one takes time in which nobody is heard."""
        if limited is not None:  # of all joins: others would fare no better
            self._limited = self._clock() + limited
            return False
        self._tries[room] += 1
        self._later[room] = self._clock() + PAUSE * 2 ** self._tries[room]
        if self._tries[room] < TRIES:
            return False
        log.error("%s is given up: it cannot be joined. A new invitation is followed again", room)
        await self._keep({ENTERED + room: None, INVITED + room: None})
        del self._tries[room], self._later[room]
        return True

    async def _keep(self, changes: Mapping[str, str | None]) -> None:
        known = {key: value for key, value in changes.items() if value is not None or key in self._kept}
        if not known:
            return
        await self._keepsakes.write(known)
        self.written(known)
