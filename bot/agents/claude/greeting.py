"""Asking Claude Code whether it is there, without asking a model."""

from __future__ import annotations

import json

from bot.agents.base import Probe, Process
from bot.agents.claude import messages
from bot.agents.probing import Silent
from bot.agents.text import one_line

LINES = 200  # read before giving up


async def version_of(process: Process) -> Probe:
    """Of a process that was started with --version."""
    line = await process.stdout.readline()
    if not line.strip():
        raise ConnectionError
    return Probe(True, one_line(line.decode("utf-8", "replace"), 40).removesuffix(" (Claude Code)"))


async def hello(process: Process) -> Probe:
    """Of one that was started for a conversation: the answer to `initialize`. Raises Silent, ConnectionError."""
    process.stdin.write(json.dumps(messages.initialize(0)).encode() + b"\n")
    for _ in range(LINES):
        line = await process.stdout.readline()
        if not line:
            raise ConnectionError
        if _answers(line):
            return Probe(True)
    raise Silent(f"It printed: {one_line(line.decode('utf-8', 'replace'), 200)}")


def _answers(line: bytes) -> bool:
    try:
        said = json.loads(line)
    except ValueError:
        return False
    return isinstance(said, dict) and said.get("type") == "control_response"
