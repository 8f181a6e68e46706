"""Filling the gap where a sync does not hold all that was said since the last one."""

from __future__ import annotations

import logging
from collections.abc import Callable

from transports.base import PermanentFailure
from transports.matrix.model import Event, Homeserver, RoomNews

log = logging.getLogger(__name__)

PAGE = 500  # events; Synapse gives up to 1,000
PAGES = 200  # an end, should a homeserver go round in circles


def never(event: Event) -> bool:
    return False


async def whole(
    server: Homeserver, news: RoomNews, since: str, *, begins: Callable[[Event], bool] = never
) -> list[Event]:
    """All events of a room since the sync token `since`, oldest first.

    `begins`: the event behind which everything is ours to read, where that is later than `since`; neither it nor what
    is before it is given. Raises what Homeserver raises.
    """
    found = list(reversed(news.events))  # newest first, as pages are
    if (cut := _first(found, begins)) is not None:
        return found[:cut][::-1]
    if not news.limited or not news.before:
        return found[::-1]
    known = {event.id for event in found}
    start: str | None = news.before
    for _ in range(PAGES):
        assert start is not None
        try:
            page = await server.older(news.room, start, since, PAGE)
        except PermanentFailure as exc:  # of this room alone: we may have been made to leave it
            log.error("the history of %s cannot be read: %s", news.room, exc)
            break
        fresh = [event for event in page.events if event.id not in known]
        known.update(event.id for event in fresh)
        found += fresh
        if (cut := _first(found, begins)) is not None:
            return found[:cut][::-1]
        start = page.end
        if start is None:
            return found[::-1]
    else:
        log.error("the history of %s has no end; what is older than %s events is not read", news.room, len(found))
    return found[::-1]


def _first(events: list[Event], begins: Callable[[Event], bool]) -> int | None:
    return next((number for number, event in enumerate(events) if begins(event)), None)
