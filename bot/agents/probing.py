"""Whether an agent's program starts and speaks: started contained, asked once, ended with proof."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from bot.agents.base import Launcher, Probe, Process, Spawn
from bot.agents.ending import exit_words, with_tail
from bot.agents.program import find_program
from bot.errors import UserError


class Silent(Exception):
    """The program did not answer as its protocol has it; the words say what it did instead."""


def look_for(agent: str, program: str, env: Mapping[str, str], cwd: Path) -> Probe:
    """For programs without a greeting: running one might do things, so it is only looked for."""
    try:
        find_program(agent, program, env, cwd)
    except UserError as exc:
        return Probe(False, detail=str(exc))
    return Probe(True)


async def greeted(
    agent: str, launcher: Launcher, spawn: Spawn, greet: Callable[[Process], Awaitable[Probe]], patience: float
) -> Probe:
    """`greet` speaks with the program; `patience`: seconds it has. Never raises for the program."""
    began = time.monotonic()
    try:
        process = await launcher.spawn(spawn)
    except (UserError, OSError) as exc:
        return Probe(False, detail=str(exc))
    try:
        async with asyncio.timeout(patience):
            found = await greet(process)
    except TimeoutError:
        found = Probe(False, detail=with_tail(f"{agent} did not answer within {patience:g} s.", process.stderr_tail))
    except (Silent, ConnectionError) as exc:
        words = f"{agent} {exit_words(process.returncode)}" if isinstance(exc, ConnectionError) else str(exc)
        found = Probe(False, detail=with_tail(f"{words.removesuffix('.')}.", process.stderr_tail))
    finally:
        await process.kill()
    return Probe(found.answers, found.version, found.detail, time.monotonic() - began)
