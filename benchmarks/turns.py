"""A turn through Tugbot beside the same program alone: to the first streamed words, and to the end; cold and warm.

Claude Code and its ACP adapter against the model API of the tests, whose answer begins at once, so that what is
measured is everything but a model. Needs `script/agents` (TUGBOT_AGENTS).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import statistics
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import acp
from acp import schema

from benchmarks.table import Figure
from bot.agents.base import Agent, Process, Spawn
from bot.agents.claude import ClaudeAgent, messages
from bot.agents.claude.agent import PROTOCOL
from bot.agents.containment import BubblewrapLauncher
from bot.agents.program import find_program, visible_paths
from bot.runs.listening import Staff
from bot.runs.turn import Turns
from bot.runs.watch import TurnLimits
from tests import real_agents
from tests.model_api import serving
from tests.turns_world import FakeAgent, FakeReply, FakeWorkplaces, World

TRIES = 8
PROMPT = "SAY[a few words]"


@dataclass
class Times:
    """Seconds since the turn was asked for."""

    first: float = 0.0
    total: float = 0.0


def measure() -> list[Figure]:
    return [figure for real in real_agents.REAL[:2] for figure in asyncio.run(_compared(real))]


async def _compared(real: real_agents.Real) -> list[Figure]:
    program = real_agents.PLACE / "node_modules" / ".bin" / real.program
    if not program.exists():
        raise SystemExit(f"{real.program} is not installed: run script/agents")
    async with serving() as api:
        with _home() as home:
            agent = real.make(program, real_agents.environment(home), home, api.url)
            speak = _bare_claude if isinstance(agent, ClaudeAgent) else _bare_acp
            bare = [await speak(agent, home) for _ in range(TRIES)]
            through = [await _through(agent, home) for _ in range(TRIES)]
    figures = []
    for warm, name in enumerate(("cold", "warm")):
        for part, what in (("first", "first words"), ("total", "whole turn")):
            mine, alone = ([getattr(pair[warm], part) * 1000 for pair in pairs] for pairs in (through, bare))
            title = f"{real.name}, {name}: {what}"
            beside = "the program alone in the same sandbox"
            figures.append(Figure(title, statistics.median(mine), "ms", statistics.median(alone), beside))
    return figures


@contextlib.contextmanager
def _home() -> Any:
    home = Path(tempfile.mkdtemp(prefix="tugbot-turns-"))
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


# ---------------------------------------------------------------- the program alone


@contextlib.asynccontextmanager
async def _started(agent: Any, home: Path, arguments: tuple[str, ...]) -> AsyncIterator[Process]:
    cwd = home / "bare"
    cwd.mkdir(exist_ok=True)
    argv = (find_program(agent.name, agent.command[0], agent.env, cwd), *agent.command[1:], *arguments)
    readable = (*agent.readable, *visible_paths(argv[: len(agent.command)], agent.env))
    process = await BubblewrapLauncher(()).spawn(Spawn(argv, agent.env, cwd, agent.writable, readable))
    try:
        yield process
    finally:
        await process.kill()


async def _bare_claude(agent: Any, home: Path) -> tuple[Times, Times]:
    begun = time.perf_counter()
    async with _started(agent, home, (*PROTOCOL, f"--session-id={uuid.uuid4()}")) as process:
        cold = await _say_claude(process, begun)
        return cold, await _say_claude(process, time.perf_counter())


async def _say_claude(process: Process, begun: float) -> Times:
    times = Times()
    process.stdin.write(json.dumps(messages.user(PROMPT, str(uuid.uuid4()))).encode() + b"\n")
    while (line := json.loads(await process.stdout.readline())).get("type") != "result":
        if not times.first and line.get("event", {}).get("type") == "content_block_delta":
            times.first = time.perf_counter() - begun
    times.total = time.perf_counter() - begun
    return times


class _Client:
    """The least a client can be: notes when the first words came."""

    first = 0.0

    async def session_update(self, session_id: str, update: Any, **_: Any) -> None:
        if isinstance(update, schema.AgentMessageChunk) and not self.first:
            self.first = time.perf_counter()


async def _bare_acp(agent: Any, home: Path) -> tuple[Times, Times]:
    begun = time.perf_counter()
    async with _started(agent, home, ()) as process:
        client = _Client()
        connection = acp.connect_to_agent(cast("acp.Client", client), process.stdin, process.stdout)
        await connection.initialize(protocol_version=acp.PROTOCOL_VERSION)
        session = await connection.new_session(cwd=str(home / "bare"), mcp_servers=[])
        cold = await _say_acp(connection, client, session.session_id, begun)
        warm = await _say_acp(connection, client, session.session_id, time.perf_counter())
        await connection.close()
        return cold, warm


async def _say_acp(connection: Any, client: _Client, session: str, begun: float) -> Times:
    client.first = 0.0
    await connection.prompt(session_id=session, prompt=[acp.text_block(PROMPT)])
    return Times(client.first - begun, time.perf_counter() - begun)


# ---------------------------------------------------------------- through Tugbot


class _Noting(FakeReply):
    first = 0.0

    def text(self, delta: str) -> None:
        self.first = self.first or time.perf_counter()
        super().text(delta)


async def _through(agent: Agent, home: Path) -> tuple[Times, Times]:
    cwd = home / "through"
    cwd.mkdir(exist_ok=True)
    replies: list[_Noting] = []

    def reply(run: int, target: str, header: str) -> _Noting:
        replies.append(_Noting())
        return replies[-1]

    async with asyncio.TaskGroup() as group:
        world = World(group, FakeAgent([]))
        house = world.house(workplaces=FakeWorkplaces(BubblewrapLauncher(()), cwd), reply=reply)
        world.turns = Turns({"fake": Staff(agent, TurnLimits())}, house)
        times = [await _timed(lambda: world.play(PROMPT), replies) for _ in range(2)]
        await world.leases.close()
    return times[0], times[1]


async def _timed(play: Callable[[], Awaitable[Any]], replies: list[_Noting]) -> Times:
    begun = time.perf_counter()
    outcome = await play()
    total = time.perf_counter() - begun
    assert outcome.state.value == "succeeded", outcome
    return Times(replies[-1].first - begun, total)
