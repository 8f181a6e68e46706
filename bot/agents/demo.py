"""The agent that ships with Tugbot, so that the first message gets an answer before anything is installed."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from bot.agents.acp import AcpAgent

PROGRAM = Path(__file__).with_name("demo_agent.py")


def demo_agent(name: str = "demo", env: Mapping[str, str] | None = None, pause: float | None = None) -> AcpAgent:
    """`pause` is the time between two words of `slow`, in seconds; None: the program's own 0.1."""
    # The interpreter behind the virtual environment: with -I -S it needs nothing but its standard library, so
    # nothing but its prefix has to be visible in a sandbox.
    python = str(Path(sys.executable).resolve())
    arguments = () if pause is None else ("--pause", str(pause))
    readable = (PROGRAM, Path(sys.base_prefix))
    return AcpAgent(name, (python, "-I", "-S", str(PROGRAM), *arguments), env or {}, readable=readable)
