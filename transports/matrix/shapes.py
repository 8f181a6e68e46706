"""Events of a shape that nothing can be made of, taken out of what a homeserver says. Pure.

Homeservers check most of this, and not each of them all of it. One event that nio stumbles over would come again with
each sync, and nothing behind it ever.
"""

from __future__ import annotations

import logging
from typing import Any

log = logging.getLogger(__name__)

LATEST = 1 << 53  # milliseconds; what JSON can hold exactly


def sound(body: Any) -> Any:
    """`body`, an answer of the client-server API, without unsound events in the places where we look for events."""
    if not isinstance(body, dict):
        return body
    rooms = body.get("rooms")
    for kind in ("join", "leave", "invite"):
        of_kind = rooms.get(kind) if isinstance(rooms, dict) else None
        for room in of_kind.values() if isinstance(of_kind, dict) else ():
            for part in ("timeline", "state", "invite_state"):
                _clean(room.get(part) if isinstance(room, dict) else None, "events")
    _clean(body, "chunk")
    return body


def _clean(holder: Any, key: str) -> None:
    if not isinstance(holder, dict) or not isinstance(holder.get(key), list):
        return
    kept = [event for event in holder[key] if is_sound(event)]
    if len(kept) < len(holder[key]):
        log.error("%s events of no known shape are passed over", len(holder[key]) - len(kept))
        holder[key] = kept


def is_sound(event: Any) -> bool:
    """Events of invitations lack some fields; what is there must be of its type."""
    if not isinstance(event, dict):
        return False
    texts = ("event_id", "type", "sender", "state_key", "redacts")
    at = event.get("origin_server_ts", 0)
    return (
        all(isinstance(event.get(key, ""), str) for key in texts)
        and isinstance(at, int)
        and abs(at) < LATEST
        and isinstance(event.get("content", {}), dict)
        and isinstance(event.get("unsigned", {}), dict)
    )
