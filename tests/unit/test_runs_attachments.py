"""Files of messages reach the agent's workspace, or it is said why not."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.runs import attachments
from bot.runs.attachments import KEPT
from bot.runs.workplaces import Workplace
from bot.workspace import Workspace
from dispatcher.model import Batch, Binding, Event, Row
from tests.turns_world import FakeAgent, FakeLauncher, World, answer, live

TARGET = "chat/room"


def batch(*files: Path, text: str = "look", repeats: tuple[Row, ...] = ()) -> Batch:
    event = Event(TARGET, "chat", "", "e7")
    paths = tuple(str(path) for path in files)
    row = Row(7, event, "ann", "Ann", text, TARGET, Binding(agent="fake"), direct=True, attachments=paths)
    return Batch(1, (row,), repeats)


@pytest.fixture
def fetched(tmp_path: Path) -> Path:
    path = tmp_path / "data/files/x/.plan\nof mine.txt"
    path.parent.mkdir(parents=True)
    path.write_text("content")
    return path


def place(host: Path, seen: str = "/workspace") -> Workplace:
    host.mkdir(exist_ok=True)
    return Workplace(FakeLauncher(), Path(seen), "container", Workspace(host, Path(seen)))  # type: ignore[arg-type]


class Placed:
    def __init__(self, workplace: Workplace) -> None:
        self.workplace = workplace

    async def of(self, batch: Batch) -> Workplace:
        return self.workplace


async def test_a_file_is_brought_and_named_as_the_agent_sees_it(tmp_path: Path, fetched: Path) -> None:
    brought = await attachments.bring(batch(fetched), place(tmp_path / "host"))
    row = batch(fetched).rows[0]
    assert brought.tell(row, str(fetched)) == "attached file: .tugbot/files/7-plan_of mine.txt"
    assert (tmp_path / "host/.tugbot/files/7-plan_of mine.txt").read_text() == "content"
    assert (tmp_path / "host/.tugbot/.gitignore").read_text() == "*\n"
    assert brought.troubles == ()


async def test_a_conversation_without_files_leaves_the_workspace_alone(tmp_path: Path) -> None:
    await attachments.bring(batch(), place(tmp_path / "host"))
    assert os.listdir(tmp_path / "host") == []


async def test_on_the_host_the_agent_sees_what_we_see(tmp_path: Path, fetched: Path) -> None:
    here = Workplace(FakeLauncher(), tmp_path, "host")  # type: ignore[arg-type]
    await attachments.bring(batch(fetched), here)
    assert (tmp_path / ".tugbot/files/7-plan_of mine.txt").exists()


async def test_what_an_interrupted_turn_was_given_is_brought_too_and_once(tmp_path: Path, fetched: Path) -> None:
    again = batch(repeats=batch(fetched).rows)
    await attachments.bring(batch(fetched), place(tmp_path / "host"))
    brought = await attachments.bring(again, place(tmp_path / "host"))
    assert brought.tell(again.repeats[0], str(fetched)) == "attached file: .tugbot/files/7-plan_of mine.txt"
    assert os.listdir(tmp_path / "host/.tugbot/files") == ["7-plan_of mine.txt"]


@pytest.fixture
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Virtual time does not see that a thread is at work."""

    async def inline(function: Callable[..., object], *args: object) -> object:
        return function(*args)

    monkeypatch.setattr(asyncio, "to_thread", inline)


@pytest.mark.usefixtures("no_threads")
def test_one_that_cannot_be_brought_is_said_and_the_turn_goes_on(tmp_path: Path, fetched: Path) -> None:
    workplace = place(tmp_path / "host")
    (tmp_path / "host/.tugbot").symlink_to(tmp_path)
    agent = FakeAgent([answer()])

    async def test(world: World) -> None:
        world.turns._house = world.house(workplaces=Placed(workplace))
        await world.start(batch(fetched, tmp_path / "gone.png"))[0]

    played = live(agent, test)
    why = "no plain directory"
    assert agent.prompts[0].count("could not be brought here") == 2
    assert why in agent.prompts[0]
    assert [why in notice for notice in played.replies[0].notices] == [True, True]
    assert "".join(played.replies[0].answer) == "done"


@pytest.mark.usefixtures("no_threads")
def test_the_prompt_names_it_and_a_steered_one_too(tmp_path: Path, fetched: Path) -> None:
    workplace = place(tmp_path / "host")
    agent = FakeAgent([[*answer()[:1], 5.0, *answer()[1:]]], can_steer=True)

    async def test(world: World) -> None:
        world.turns._house = world.house(workplaces=Placed(workplace))
        running, _ = world.start(batch(fetched, text=""))
        await asyncio.sleep(1)
        assert await world.turns.steer(batch(fetched, text="more"))
        await running

    live(agent, test)
    assert agent.prompts == ["[attached file: .tugbot/files/7-plan_of mine.txt]"]
    assert agent.steered == ["more\n[attached file: .tugbot/files/7-plan_of mine.txt]"]


def test_old_files_go_and_new_ones_stay(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    folder = tmp_path / "files"
    for name in ("old/a", "old/b", "new/c"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    (folder / "link").symlink_to(outside)
    now = os.stat(folder / "new/c").st_mtime
    for name in ("old/a", "old/b"):
        os.utime(folder / name, (now - KEPT - 1, now - KEPT - 1))
    assert attachments.prune(folder, now) == 2
    assert attachments.prune(folder, now + 2 * KEPT) == 2, "the file and the link"
    assert (outside / "kept").exists()
    assert attachments.prune(tmp_path / "missing", now) == 0
