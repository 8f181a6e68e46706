"""A long answer in small pieces, all the way from the program to the reply, beside a bare reader of its lines."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.table import Figure
from bot.agents.claude import ClaudeAgent
from bot.agents.containment import BubblewrapLauncher
from bot.replies.places import Places
from bot.replies.screened import screened
from bot.replies.writer import Replies
from bot.runs.listening import Staff
from bot.runs.turn import Turns
from bot.runs.watch import TurnLimits
from tests.transport_fake import FakeTransport
from tests.turns_world import FakeAgent, FakeWorkplaces, World
from transports.base import Capabilities

MEGABYTES = 5
PIECE = 64  # bytes of text in a delta
AIM = 0.3  # CPU seconds for a megabyte

# Speaks as Claude Code does, as fast as it is read.
PROGRAM = """
import json, sys
user = json.loads(sys.stdin.readline())
def say(**line):
    sys.stdout.write(json.dumps(line) + "\\n")
say(type="system", subtype="init", session_id="s", model="m", claude_code_version="0")
say(type="user", isReplay=True, uuid=user.get("uuid"), message={"role": "user", "content": []})
say(type="stream_event", event={"type": "message_start", "message": {"id": "m1"}})
say(type="stream_event", event={"type": "content_block_start", "content_block": {"type": "text", "text": ""}})
text = "word of an answer that goes on and on, sixty-four bytes a piece\\n"
for number in range(PIECES):
    say(type="stream_event", event={"type": "content_block_delta", "delta": {"type": "text_delta", "text": text}})
say(type="stream_event", event={"type": "content_block_stop"})
say(type="result", subtype="success", is_error=False, stop_reason="end_turn", usage={}, total_cost_usd=0)
sys.stdout.flush()
sys.stdin.read()
"""


@dataclass(frozen=True)
class Spent:
    cpu: float  # seconds
    wall: float
    memory: int  # bytes by which the peak grew


def measure() -> list[Figure]:
    bare = _in_a_process(_bare)
    figures = []
    for name, can in (("edits", Capabilities(edit=True)), ("paragraphs", Capabilities())):
        spent = _in_a_process(_answer, can)
        what = f"5 MB in {PIECE}-byte deltas, shown by {name}"
        beside = "json.loads of each line"
        figures += [
            Figure(f"{what}: CPU per MB", spent.cpu / MEGABYTES, "s", bare.cpu / MEGABYTES, beside, f"< {AIM} s"),
            Figure(f"{what}: speed", MEGABYTES / spent.wall, "MB/s", MEGABYTES / bare.wall, beside),
            Figure(f"{what}: peak memory grows by", spent.memory / 1e6, "MB", bare.memory / 1e6, beside, "bounded"),
        ]
    return figures


def _in_a_process(work: Callable[..., None], *arguments: object) -> Spent:
    """In a fresh one: a peak is never taken back."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_measured, args=(theirs, work, arguments))
    process.start()
    spent: Spent = ours.recv()
    process.join()
    return spent


def _measured(pipe: object, work: Callable[..., None], arguments: tuple[object, ...]) -> None:
    peak = _peak(anew=True)
    before, begun = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    work(*arguments)
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    memory = _peak() - peak
    pipe.send(Spent(cpu, time.perf_counter() - begun, memory))  # type: ignore[attr-defined]


def _peak(*, anew: bool = False) -> int:
    """The process's peak memory in bytes; `anew` forgets an earlier one (proc(5), clear_refs)."""
    if anew:
        Path("/proc/self/clear_refs").write_text("5")
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def _program(place: Path) -> tuple[str, ...]:
    program = place / "talker.py"
    program.write_text(PROGRAM.replace("PIECES", str(MEGABYTES * 1_000_000 // PIECE)))
    return str(Path(sys.executable).resolve()), "-I", "-S", str(program)


def _bare() -> None:
    with tempfile.TemporaryDirectory() as place:
        asyncio.run(_read(_program(Path(place))))


async def _read(command: tuple[str, ...]) -> None:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    assert process.stdin
    assert process.stdout
    process.stdin.write(b"{}\n")
    while json.loads(await process.stdout.readline()).get("type") != "result":
        pass
    process.stdin.close()
    await process.wait()


def _answer(can: Capabilities) -> None:
    with tempfile.TemporaryDirectory() as place:
        asyncio.run(_turn(Path(place), can))


async def _turn(place: Path, can: Capabilities) -> None:
    env = {"PATH": os.environ["PATH"], "HOME": str(place)}
    agent = ClaudeAgent("fake", _program(place), env, readable=(place, Path(sys.base_prefix)))
    transport = FakeTransport(can, name="console")
    async with asyncio.TaskGroup() as group:
        world = World(group, FakeAgent([]), limits=TurnLimits(max_output=0))
        replies = Replies(Places({"console": transport}), group, stream="edit", edit_interval=1.0)
        house = world.house(workplaces=FakeWorkplaces(BubblewrapLauncher(()), place), reply=screened(replies.writer))
        turns = Turns({"fake": Staff(agent, TurnLimits(max_output=0))}, house)
        world.turns = turns
        outcome = await world.play()
        assert outcome.state.value == "succeeded", outcome
        await world.leases.close()
