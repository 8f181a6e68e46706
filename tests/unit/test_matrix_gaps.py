"""What a sync leaves out is read from the room's history."""

from __future__ import annotations

import logging

import pytest

from tests.matrix_fake import FakeHomeserver
from transports.base import PermanentFailure, TemporaryFailure
from transports.matrix.gaps import PAGES, whole
from transports.matrix.model import Event, Page, RoomNews


def events(*names: int) -> tuple[Event, ...]:
    return tuple(Event(f"${name}", "!room", "m.room.message", "@ann", 0.0, {}) for name in names)


def ids(found: list[Event]) -> list[int]:
    return [int(event.id[1:]) for event in found]


class Scripted(FakeHomeserver):
    """Gives these pages in turn, whatever is asked."""

    def __init__(self, *pages: Page | Exception) -> None:
        super().__init__()
        self.pages = list(pages)
        self.requests: list[tuple[str, str]] = []

    async def older(self, room: str, start: str, end: str, limit: int) -> Page:
        self.requests.append((start, end))
        page = self.pages.pop(0)
        if isinstance(page, Exception):
            raise page
        return page


NEWS = RoomNews("!room", events(8, 9), True, "before 8")


async def test_without_a_gap_nothing_is_asked() -> None:
    server = Scripted()
    assert ids(await whole(server, RoomNews("!room", events(8, 9), False, "before 8"), "since")) == [8, 9]
    assert ids(await whole(server, RoomNews("!room", events(8, 9), True, ""), "since")) == [8, 9]
    assert server.requests == []


async def test_a_gap_is_filled_page_by_page_in_order() -> None:
    server = Scripted(Page(events(7, 6), "before 6"), Page(events(5), "before 5"), Page(events(4), None))
    assert ids(await whole(server, NEWS, "since")) == [4, 5, 6, 7, 8, 9]
    assert server.requests == [("before 8", "since"), ("before 6", "since"), ("before 5", "since")]


async def test_an_empty_page_is_not_the_end() -> None:
    server = Scripted(Page((), "x"), Page((), "y"), Page(events(7), None))
    assert ids(await whole(server, NEWS, "since")) == [7, 8, 9]


async def test_pages_that_overlap_give_nothing_twice() -> None:
    server = Scripted(Page(events(9, 8, 7), "x"), Page(events(7, 6), None))
    assert ids(await whole(server, NEWS, "since")) == [6, 7, 8, 9]


async def test_only_what_is_behind_the_beginning_is_given() -> None:
    def begins(event: Event) -> bool:
        return event.id == "$6"

    server = Scripted(Page(events(7, 6, 5), "x"))
    assert ids(await whole(server, NEWS, "", begins=begins)) == [7, 8, 9]
    assert ids(await whole(Scripted(), RoomNews("!room", events(5, 6, 7), True, "x"), "", begins=begins)) == [7]


async def test_the_newest_beginning_counts() -> None:
    """Somebody who was thrown out and asked back reads what came after the second invitation."""
    news = RoomNews("!room", events(1, 2, 1, 3), True, "x")
    assert ids(await whole(Scripted(), news, "", begins=lambda event: event.id == "$1")) == [3]


async def test_a_beginning_that_is_not_there_is_before_everything() -> None:
    server = Scripted(Page(events(7), None))
    assert ids(await whole(server, NEWS, "", begins=lambda event: False)) == [7, 8, 9]


async def test_a_history_in_circles_ends(caplog: pytest.LogCaptureFixture) -> None:
    server = Scripted(*[Page(events(7), "before 7")] * (PAGES + 1))
    with caplog.at_level(logging.ERROR):
        assert ids(await whole(server, NEWS, "since")) == [7, 8, 9]
    assert len(server.requests) == PAGES
    assert "no end" in caplog.text


async def test_a_failure_that_passes_is_the_callers() -> None:
    with pytest.raises(TemporaryFailure):
        await whole(Scripted(Page(events(7), "x"), TemporaryFailure("busy")), NEWS, "since")


async def test_a_history_that_we_may_not_read_any_more_stops_no_other_room() -> None:
    assert ids(await whole(Scripted(PermanentFailure("M_FORBIDDEN")), NEWS, "since")) == [8, 9]
