"""What members see of somebody else's conversation that was about the bot's own machine before."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.commands.model import Role
from bot.transcript.model import Attached, Part
from tests.api_world import Api, api, key
from transports.base import Choice

ROOM = "matrix/!room"
STOP = Choice("stop 8", "Stop", "🛑")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Api]:
    async with api(tmp_path) as opened:
        yield opened


async def spoken(world: Api, text: str) -> float:
    """When it was said."""
    world.home.clock.now += 10
    await world.home.send(text, room=ROOM.partition("/")[2])
    await world.home.quiet()
    return (await world.home.store.history.messages(ROOM, limit=1))[0].accepted_at


async def entries(world: Api, query: str = "", by: Role = "member") -> Any:
    status, said = await world.ask("GET", f"/sessions/{key(ROOM)}/transcript?{query}", by=by)
    assert status == 200
    return said


def texts(page: Any) -> list[str]:
    return [
        each["message"]["text"] if each["message"] else each["said"]["parts"][0]["text"] for each in page["entries"]
    ]


def sent(name: str, at: float) -> dict[str, Any]:
    """A file, with a button below it."""
    return {"parts": (Part(name),), "kind": "file", "at": at, "choices": (STOP,), "file": Attached(name, 1, kept=True)}


async def run(world: Api, project: str | None) -> int:
    return await world.home.store.runs.create("agent", session=ROOM, target=ROOM, requested_by="Ada", project=project)


@pytest.fixture
async def told(world: Api) -> dict[str, int]:
    """Of the machine first, of a project then; ids of what the bot said, by its words."""
    said = {}
    at = await spoken(world, "my taxes")
    said["taxes are done"] = await world.speak(ROOM, parts=(Part("taxes are done"),), run=await run(world, None), at=at)
    said["taxes.pdf"] = await world.speak(
        ROOM,
        parts=(Part("taxes.pdf"),),
        kind="file",
        at=at,
        choices=(STOP,),
        file=Attached("taxes.pdf", 1, kept=True),
    )
    at = await spoken(world, "use harbour")
    at = await spoken(world, "the tests")
    # Ended late: what it is about is not what was said last.
    said["of the taxes"] = await world.speak(ROOM, parts=(Part("of the taxes"),), run=await run(world, None), at=at)
    said["they pass"] = await world.speak(ROOM, parts=(Part("they pass"),), run=await run(world, "harbour"), at=at)
    first = (await world.home.store.history.messages(ROOM, limit=9))[-1].id
    said["receipt"] = await world.speak(ROOM, parts=(Part("receipt"),), key=f"command/{first}", at=at)
    said["log.txt"] = await world.speak(ROOM, **sent("log.txt", at))
    return said


async def test_what_came_before_the_project_stays_with_operators(world: Api, told: dict[str, int]) -> None:
    assert texts(await entries(world)) == ["log.txt", "they pass", "the tests"]
    assert {"my taxes", "taxes are done", "of the taxes", "receipt", "log.txt"} <= {
        *texts(await entries(world, by="operator"))
    }
    found = (await world.ask("GET", f"/sessions/{key(ROOM)}/messages", by="member"))[1]
    assert [each["text"] for each in found["messages"]] == ["the tests"]


@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_page_after_page_it_is_the_same(world: Api, told: dict[str, int], limit: int) -> None:
    shown: list[str] = []
    after = ""
    while after is not None:
        page = await entries(world, f"limit={limit}{f'&before={after}' if after else ''}")
        assert len(page["entries"]) <= limit
        shown, after = shown + texts(page), page["next"]
    assert shown == ["log.txt", "they pass", "the tests"]


async def test_files_and_buttons_too(world: Api, told: dict[str, int]) -> None:
    for words, status in (("taxes.pdf", 404), ("log.txt", 200)):
        place = world.files / str(told[words])
        place.mkdir(parents=True)
        (place / words).write_bytes(b"x")
        assert (await world.download(f"/sessions/{key(ROOM)}/files/{told[words]}", "member")).status == status
        press = {"said": told[words], "choice": "stop 8"}
        pressed, _ = await world.ask("POST", f"/sessions/{key(ROOM)}/presses", press, "member")
        assert pressed == (404 if status == 404 else 202)


async def test_what_the_bot_says_before_anybody_else_is_shown(world: Api) -> None:
    await world.speak(ROOM, parts=(Part("This room is about harbour."),), at=1.0)
    await spoken(world, "use harbour")
    assert texts(await entries(world)) == ["This room is about harbour."]
