"""The console in a pipe, as a shell user meets it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.transport_fake import FakeReceiver, until
from transports.base import Inbound, Outbound, PermanentFailure, TemporaryFailure
from transports.console.piped import PipedConsole
from transports.console.reading import LineBuffer, TooLong, joined, lines

TARGET = "console/local"


@pytest.fixture
def stdin(tmp_path: Path) -> Iterator[int]:
    with open(tmp_path / "input", "w+b") as file:
        yield file.fileno()


@pytest.fixture
def stdout(tmp_path: Path) -> Iterator[int]:
    with open(tmp_path / "output", "w+b") as file:
        yield file.fileno()


def shown(fd: int) -> str:
    return os.pread(fd, 1 << 20, 0).decode()


def typed(fd: int, data: bytes) -> None:
    os.pwrite(fd, data, 0)


class Naps:
    """A clock whose sleeps last no time and are noted."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)
        await asyncio.sleep(0)


async def heard(stdin: int | None, stdout: int, receiver: FakeReceiver | None = None) -> list[str]:
    """Texts that a whole run hands in."""
    receiver = receiver or FakeReceiver()
    console = PipedConsole(stdin=stdin, stdout=stdout, user="ann", sleep=Naps())
    async with asyncio.timeout(20):
        await console.run(receiver)
    await console.close()
    return receiver.texts


@pytest.mark.parametrize(
    ("data", "texts"),
    [
        (b"one\ntwo\n", ["one", "two"]),
        (b"no newline at the end", ["no newline at the end"]),
        (b"\n  \n\t\none\n\n", ["one"]),
        (b"a\\\nb\\\nc\nd\n", ["a\nb\nc", "d"]),
        (b"kept open\\", ["kept open"]),
        (b"C:\\\\\nnext\n", ["C:\\\\", "next"]),
        (b"dos\\\r\nlines\r\n", ["dos\nlines"]),
        (b"\xff\xfe bad\x00\n", ["\ufffd\ufffd bad\ufffd"]),
        (b"", []),
        (b"\xe2\x82\xac\n", ["€"]),
    ],
)
async def test_lines_are_messages(stdin: int, stdout: int, data: bytes, texts: list[str]) -> None:
    typed(stdin, data)
    assert await heard(stdin, stdout) == texts


async def test_closed_or_empty_input_ends_at_once(stdout: int, tmp_path: Path) -> None:
    assert await heard(None, stdout) == []
    for path in ("/dev/null", tmp_path):
        fd = os.open(path, os.O_RDONLY)
        try:
            assert await heard(fd, stdout) == []
        finally:
            os.close(fd)


async def test_a_line_of_60_mb_arrives_whole(stdin: int, stdout: int) -> None:
    size = 60 * 1000 * 1000
    typed(stdin, "é".encode() * (size // 2) + b"\nshort\n")
    texts = await heard(stdin, stdout)
    assert [len(text) for text in texts] == [size // 2, 5]
    assert "\ufffd" not in texts[0]


def test_a_line_over_the_limit_is_left_out_and_the_next_one_is_read() -> None:
    buffer = LineBuffer(limit=4)
    assert buffer.feed(b"abc") == []
    found = buffer.feed(b"def\nok\nlong line\nend")
    assert [type(line) for line in found] == [TooLong, bytes, TooLong]
    assert (found[1], buffer.rest()) == (b"ok", [b"end"])


def test_backslashes_in_pairs_do_not_continue() -> None:
    assert joined("a\\", None) == ("a", True)
    assert joined("a\\\\", "x") == ("x\na\\\\", False)
    assert joined("a\\\\\\", None) == ("a\\\\", True)


async def test_the_loop_is_free_while_the_pipe_is_silent() -> None:
    reading, writing = os.pipe()
    try:
        found: AsyncIterator[bytes | TooLong] = lines(reading)
        waiting = asyncio.ensure_future(anext(found))
        await asyncio.sleep(0.01)
        assert not waiting.done()
        os.write(writing, b"now\n")
        assert await asyncio.wait_for(waiting, 5) == b"now"
    finally:
        os.close(writing)
        os.close(reading)


async def test_each_start_makes_new_event_ids(stdin: int, stdout: int) -> None:
    typed(stdin, b"same\nsame\n")
    receiver = FakeReceiver()
    await heard(stdin, stdout, receiver)
    os.lseek(stdin, 0, os.SEEK_SET)
    await heard(stdin, stdout, receiver)
    assert len({event.event_id for event in receiver.received}) == 4


async def test_a_failing_store_is_told_once_and_nothing_is_lost(stdin: int, stdout: int) -> None:
    typed(stdin, b"a\nb\nc\n")
    receiver = FakeReceiver()
    receiver.failures = [OSError("The disk is full.")] * 7
    naps = Naps()
    console = PipedConsole(stdin=stdin, stdout=stdout, user="ann", sleep=naps)
    async with asyncio.timeout(5):
        await console.run(receiver)
    await console.close()
    assert receiver.texts == ["a", "b", "c"]
    assert shown(stdout) == "Not accepted: The disk is full; I keep trying.\n\nAccepted now; nothing was lost.\n"
    assert naps.taken[:2] == [0.5, 1.0]
    assert max(naps.taken) <= 10


async def test_lines_read_while_the_store_fails_stay_behind_the_one_that_waits(stdout: int) -> None:
    reading, writing = os.pipe()
    receiver, back = FakeReceiver(), asyncio.Event()
    receiver.failures = [OSError("x")]

    async def until_back(seconds: float) -> None:
        await back.wait()

    console = PipedConsole(stdin=reading, stdout=stdout, user="ann", sleep=until_back)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(console.run(receiver), name="console under test")
        os.write(writing, b"a\n")
        await until(lambda: "Not accepted" in shown(stdout))
        os.write(writing, b"b\nc\n")
        os.close(writing)
        await asyncio.sleep(0.02)
        back.set()
    await console.close()
    os.close(reading)
    assert receiver.texts == ["a", "b", "c"]


async def test_the_same_message_is_tried_again(stdin: int, stdout: int) -> None:
    typed(stdin, b"a\n")
    receiver = FakeReceiver()
    receiver.failures = [OSError("x")] * 3
    await heard(stdin, stdout, receiver)
    assert len(set(receiver.received)) == 1 < len(receiver.received)


async def test_no_more_than_a_bounded_number_is_in_flight(stdin: int, stdout: int) -> None:
    typed(stdin, b"line\n" * 1500)
    receiver = FakeReceiver(hold=True)
    console = PipedConsole(stdin=stdin, stdout=stdout, user="ann")
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(console.run(receiver), name="console under test")
        await until(lambda: len(receiver.received) == 1024)
        await asyncio.sleep(0.02)
        assert len(receiver.received) == 1024
        receiver.commit(10)
        await until(lambda: len(receiver.received) == 1034)
        receiver.hold = False
        receiver.commit()
    await console.close()
    assert len(receiver.committed) == 1500


async def test_messages_are_plain_and_parted_by_a_blank_line(stdout: int) -> None:
    console = PipedConsole(stdin=None, stdout=stdout)
    await console.send(Outbound(TARGET, "**One** `x`\nsecond line\n"))
    await console.send(Outbound(TARGET, "Two", repeat=True))
    await console.close()
    assert shown(stdout) == "One x\nsecond line\n\n(possible repeat) Two\n"


async def test_a_reader_that_left_is_a_permanent_failure() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    console = PipedConsole(stdin=None, stdout=writing)
    try:
        with pytest.raises(PermanentFailure):
            await console.send(Outbound(TARGET, "hello"))
    finally:
        await console.close()
        os.close(writing)


def test_a_standard_stream_that_was_closed_is_not_taken_for_the_file_that_got_its_number() -> None:
    code = "from transports.console.standard import *; open('/dev/null'); import os; os.write(2, repr("
    code += "(stdin_fd(), stdout_fd())).encode())"
    for closing, seen in (("", b"(0, 1)"), ("<&-", b"(None, 1)"), (">&-", b"(0, None)")):
        done = subprocess.run(["sh", "-c", f'exec "$0" -c "$1" {closing}', sys.executable, code], capture_output=True)
        assert done.stderr == seen


async def test_no_output_at_all_is_a_permanent_failure() -> None:
    console = PipedConsole(stdin=None, stdout=None)
    with pytest.raises(PermanentFailure):
        await console.send(Outbound(TARGET, "hello"))
    await console.close()


async def test_a_full_disk_is_a_temporary_failure() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    console = PipedConsole(stdin=None, stdout=full)
    try:
        with pytest.raises(TemporaryFailure):
            await console.send(Outbound(TARGET, "hello"))
    finally:
        await console.close()
        os.close(full)


async def test_a_reader_that_sleeps_stops_neither_the_loop_nor_the_close() -> None:
    reading, writing = os.pipe()
    console = PipedConsole(stdin=None, stdout=writing)
    stuck = asyncio.ensure_future(console.send(Outbound(TARGET, "x" * 1_000_000)))
    await asyncio.sleep(0.02)
    assert not stuck.done()
    await console._writer.close(patience=0.01)
    os.close(reading)  # wakes the writer's thread with EPIPE
    with pytest.raises(PermanentFailure):
        await asyncio.wait_for(stuck, 5)
    os.close(writing)


async def test_the_sender_is_the_systems_user(stdin: int, stdout: int) -> None:
    typed(stdin, b"hello\n")
    receiver = FakeReceiver()
    console = PipedConsole(stdin=stdin, stdout=stdout)
    await console.run(receiver)
    await console.close()
    (event,) = receiver.received
    assert isinstance(event, Inbound)
    assert (event.session, event.transport, event.account, event.target) == (TARGET, "console", "local", TARGET)
    assert event.direct
    assert event.sender


def test_pipes_and_programs_do_not_load_the_terminal() -> None:
    code = (
        "import sys, transports.console.piped, transports.console.jsonl, transports.console.interactive;"
        "print([m for m in ('prompt_toolkit', 'rich', 'markdown_it') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
