"""What matrix-nio answers, as values and exceptions of ours."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar

import aiohttp
import nio

from transports.base import Disconnected, PermanentFailure, TemporaryFailure
from transports.matrix.model import Event, Invite, RoomNews

# It complains of each error it is answered, and of each event of a shape it does not know. We say what matters.
logging.getLogger("nio").setLevel(logging.CRITICAL)

R = TypeVar("R")

TIMEOUT = 30.0  # seconds for a request to be answered

_REVOKED = frozenset({"M_UNKNOWN_TOKEN", "M_MISSING_TOKEN", "M_USER_DEACTIVATED"})
_LASTING = frozenset(
    {"M_FORBIDDEN", "M_NOT_FOUND", "M_TOO_LARGE", "M_BAD_JSON", "M_INVALID_PARAM", "M_GUEST_ACCESS_FORBIDDEN"}
)


async def asked(call: Awaitable[Any], wanted: type[R], timeout: float = TIMEOUT) -> R:
    return checked(await guarded(call, timeout), wanted)


async def guarded(call: Awaitable[R], timeout: float) -> R:
    try:
        async with asyncio.timeout(timeout):
            return await call
    except TimeoutError as exc:
        raise TemporaryFailure("the homeserver does not answer") from exc
    except (aiohttp.ClientError, OSError) as exc:
        raise TemporaryFailure(f"the homeserver cannot be reached ({str(exc) or type(exc).__name__})") from exc


def checked(answer: Any, wanted: type[R]) -> R:
    """nio gives errors as values."""
    if isinstance(answer, wanted):
        return answer
    response = getattr(answer, "transport_response", None)
    status = getattr(response, "status", 0)
    raise failure(
        str(getattr(answer, "status_code", None) or ""),
        str(getattr(answer, "message", "") or "unknown error"),
        status if isinstance(status, int) else 0,
        getattr(answer, "retry_after_ms", None),
    )


def failure(code: str, words: str, status: int, retry_after: Any) -> Exception:
    if code in _REVOKED:
        why = f"the homeserver refuses our token ({code}); `tugbot init matrix` gets a new one"
        return Disconnected(why, lasting=True)
    if code == "M_LIMIT_EXCEEDED" or status == 429:
        wait = retry_after / 1000 if isinstance(retry_after, int | float) else 5.0
        return TemporaryFailure("the homeserver asks us to slow down", retry_after=wait)
    if code in _LASTING or status in (400, 403, 404, 413):
        return PermanentFailure(f"{code or status}: {words}")
    return TemporaryFailure(f"{code or status}: {words}")


def room_news(room: str, info: Any) -> RoomNews:
    events = tuple(event_of(event, room) for event in info.timeline.events)
    return RoomNews(room, events, bool(info.timeline.limited), str(info.timeline.prev_batch or ""))


def invitation(room: str, info: Any, me: str) -> Invite | None:
    for event in info.invite_state:
        if isinstance(event, nio.InviteMemberEvent) and event.state_key == me and event.membership == "invite":
            return Invite(room, event.sender, bool(event.content.get("is_direct")))
    return None


def event_of(event: Any, room: str) -> Event:
    source = event.source if isinstance(event.source, Mapping) else {}
    content = source.get("content")
    at = source.get("origin_server_ts")
    state_key, redacts = source.get("state_key"), source.get("redacts")
    kind = str(source.get("type", ""))
    return Event(
        id=str(source.get("event_id", "")),
        room=room,
        kind=kind,
        sender=str(source.get("sender", "")),
        at=at / 1000 if isinstance(at, int | float) else 0.0,
        content=content if isinstance(content, Mapping) else {},
        state_key=state_key if isinstance(state_key, str) else None,
        redacts=redacts if isinstance(redacts, str) else "",
        source=dict(source) if kind == "m.room.encrypted" else None,
    )


def sealed_event(source: Mapping[str, Any], room: str) -> nio.MegolmEvent | None:
    event = nio.MegolmEvent.from_dict(dict(source))
    if not isinstance(event, nio.MegolmEvent):
        return None
    event.room_id = room
    return event
