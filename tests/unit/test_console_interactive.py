"""The console of a person at a terminal, typed at through a pipe."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from tests.transport_fake import FakeReceiver, until
from transports.base import Outbound, PermanentFailure, Status
from transports.console.interactive import InteractiveConsole
from transports.console.prompt import _Words, kept_history
from transports.console.texts import status_line

TARGET = "console/local"
ERASED = "<the prompt is taken away>"
CTRL_C, CTRL_D, ALT_ENTER = "\x03", "\x04", "\x1b\r"


class Screen(DummyOutput):
    """A terminal that remembers what messages were written on it."""

    def __init__(self) -> None:
        self.text = ""
        self.broken = False

    def write_raw(self, data: str) -> None:
        if self.broken:
            raise OSError(5, "Input/output error")
        self.text += data

    def erase_down(self) -> None:
        self.text += ERASED


class Desk:
    """A person's keyboard and screen, and the console between them and a receiver."""

    def __init__(self, keys: PipeInput, **settings: Any) -> None:
        self.keys = keys
        self.screen = Screen()
        self.status = Status()
        self.receiver = FakeReceiver()
        given: dict[str, Any] = {"status": lambda: self.status, "user": "ann", "sleep": lambda _: asyncio.sleep(0)}
        self.console = InteractiveConsole(input=keys, output=self.screen, **(given | settings))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[None]]:
        """The console runs; it must have ended by itself when the block is left."""
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            task = group.create_task(self.console.run(self.receiver), name="console under test")
            await until(lambda: self.console._session is not None and self.console._session.app.is_running)
            yield task

    async def typed(self, keys: str, count: int) -> None:
        """Type, and wait until `count` messages have been handed in."""
        self.keys.send_text(keys)
        await until(lambda: len(self.receiver.received) >= count)


@pytest.fixture
def keys() -> Iterator[PipeInput]:
    with create_pipe_input() as pipe:
        yield pipe


@pytest.fixture
def desk(keys: PipeInput) -> Desk:
    return Desk(keys)


async def test_lines_are_handed_in_and_ctrl_d_leaves(desk: Desk) -> None:
    async with desk.running():
        await desk.typed("hello\r", 1)
        await desk.typed("  \rwörld\r", 2)
        desk.keys.send_text(CTRL_D)
    assert desk.receiver.texts == ["hello", "wörld"]
    assert len({event.event_id for event in desk.receiver.received}) == 2


@pytest.mark.parametrize(
    ("keys_typed", "text"),
    [
        ("a\\\rb\r", "a\nb"),
        (f"a{ALT_ENTER}b\r", "a\nb"),
        ("\x1b[200~one\r\ntwo\nthree\x1b[201~\r", "one\ntwo\nthree"),
        ("two backslashes \\\\\r", "two backslashes \\\\"),
    ],
)
async def test_several_lines_make_one_message(desk: Desk, keys_typed: str, text: str) -> None:
    async with desk.running():
        await desk.typed(keys_typed, 1)
        desk.keys.send_text(CTRL_D)
    assert desk.receiver.texts == [text]


@pytest.mark.parametrize("busy", [Status(running=("run 8",)), Status(waiting=1), Status(queued=1)])
async def test_ctrl_c_stops_what_runs_and_keeps_what_is_being_typed(desk: Desk, busy: Status) -> None:
    async with desk.running():
        desk.status = busy
        await desk.typed("half a li" + CTRL_C, 1)
        await desk.typed(CTRL_C, 2)
        await desk.typed("ne\r", 3)
        desk.status = Status()
        desk.keys.send_text(CTRL_C)
    assert desk.receiver.texts == ["stop", "stop", "half a line"]


async def test_ctrl_c_at_an_idle_prompt_drops_the_line_then_leaves(desk: Desk) -> None:
    async with desk.running():
        await desk.typed("oops" + CTRL_C + "kept\r", 1)
        desk.keys.send_text(CTRL_C)
    assert desk.receiver.texts == ["kept"]


async def test_closing_ends_the_conversation(desk: Desk) -> None:
    async with desk.running():
        await desk.console.close()
        await desk.console.close()
    with pytest.raises(PermanentFailure):
        await desk.console.send(Outbound(TARGET, "late"))


async def test_cancelling_ends_it(desk: Desk) -> None:
    task = asyncio.create_task(desk.console.run(desk.receiver), name="console under test")
    await until(lambda: desk.console._session is not None and desk.console._session.app.is_running)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 5)


async def test_messages_are_shown_before_during_and_after_the_conversation(keys: PipeInput) -> None:
    desk = Desk(keys, banner="**Welcome**")
    await desk.console.send(Outbound(TARGET, "before"))
    async with desk.running():
        await asyncio.gather(*(desk.console.send(Outbound(TARGET, f"during {n}")) for n in range(3)))
        desk.keys.send_text(CTRL_D)
    await desk.console.send(Outbound(TARGET, "after"))
    words = ["before", "Welcome", "during 0", "during 1", "during 2", "after"]
    found = [desk.screen.text.index(word) for word in words]
    assert found == sorted(found)
    assert "**" not in desk.screen.text


async def test_a_message_never_lands_in_the_line_being_typed(desk: Desk) -> None:
    async with desk.running():
        await until(lambda: bool(desk.console._session and desk.console._session.app.renderer.height_is_known))
        desk.screen.text = ""
        await desk.console.send(Outbound(TARGET, "hello"))
        assert desk.screen.text.strip().startswith(ERASED)
        desk.keys.send_text(CTRL_D)


async def test_tool_lines_stand_together(desk: Desk) -> None:
    for kind, text in [("header", "run 8"), ("tool", "read a"), ("tool", "read b"), ("answer", "done")]:
        await desk.console.send(Outbound(TARGET, text, kind))
    lines = [line.strip() for line in _plain(desk.screen.text).splitlines()]
    assert lines == ["", "run 8", "", "read a", "read b", "", "done"]


def _plain(text: str) -> str:
    from rich.text import Text

    return Text.from_ansi(text).plain


async def test_a_terminal_that_is_gone_is_a_permanent_failure(desk: Desk) -> None:
    desk.screen.broken = True
    with pytest.raises(PermanentFailure):
        await desk.console.send(Outbound(TARGET, "hello"))


async def test_a_failing_store_is_told_once_and_the_line_is_kept(desk: Desk) -> None:
    desk.receiver.failures = [OSError("The disk is full.")] * 3
    async with desk.running():
        desk.keys.send_text("hello\r")
        await until(lambda: desk.receiver.texts == ["hello"])
        await until(lambda: "Accepted now" in desk.screen.text)
        desk.keys.send_text(CTRL_D)
    assert desk.screen.text.count("Not accepted: The disk is full; I keep trying.") == 1


async def test_what_was_never_accepted_is_named_when_the_bot_closes(keys: PipeInput) -> None:
    desk = Desk(keys, sleep=lambda _: asyncio.Event().wait())
    desk.receiver.failures = [OSError("The disk is full.")]
    async with desk.running():
        desk.keys.send_text("important\r")
        await until(lambda: "Not accepted" in desk.screen.text)
        await desk.console.close()
    assert "please send it again: important" in desk.screen.text


async def test_stop_is_handed_in_at_once_while_the_store_fails(keys: PipeInput) -> None:
    desk = Desk(keys, sleep=lambda _: asyncio.Event().wait())
    desk.receiver.failures = [OSError("The disk is full.")]
    desk.status = Status(running=("run 8",))
    async with desk.running():
        await desk.typed("hello\r", 1)
        await desk.typed(CTRL_C, 2)
        await desk.console.close()
    assert desk.receiver.texts == ["stop"]


async def test_history_is_kept_for_its_owner_alone(keys: PipeInput, tmp_path: Path) -> None:
    path = tmp_path / "new" / "history"
    desk = Desk(keys, history=path)
    async with desk.running():
        await desk.typed("remember me\r", 1)
        await desk.typed(" but not me\r", 2)
        desk.keys.send_text(CTRL_D)
    assert "remember me" in path.read_text()
    assert "not me" not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_older_history_is_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "history"
    path.touch(0o644)
    kept_history(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_no_place_for_history_is_told_and_ends_nothing(keys: PipeInput, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    desk = Desk(keys, history=tmp_path / "file" / "history")
    async with desk.running():
        await desk.typed("hello\r", 1)
        desk.keys.send_text(CTRL_D)
    assert "not kept for the next time" in " ".join(desk.screen.text.split())


@pytest.mark.parametrize(
    ("text", "candidate", "start"),
    [("new p", "new project", -5), ("status ha", "harbour", -2), ("", "help", 0), ("status ", "harbour", 0)],
)
def test_completion_replaces_what_the_candidate_continues(text: str, candidate: str, start: int) -> None:
    words = _Words(lambda _: [(candidate, "meaning")])
    (found,) = words.get_completions(Document(text), CompleteEvent())
    assert (found.text, found.start_position, found.display_meta_text) == (candidate, start, "meaning")


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (Status(), "idle · Ctrl-D leaves"),
        (Status(("run 8 · demo · 12 s",), 2, 1), "run 8 · demo · 12 s · 1 in line · 2 waiting · Ctrl-C stops"),
        (Status(("a\x1b[2J\nb",)), "a[2J b · Ctrl-C stops"),
    ],
)
def test_the_status_line(status: Status, line: str) -> None:
    assert status_line(status) == line
