"""The agent that ships with Tugbot, so that the first message gets an answer before anything is installed."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from bot.agents.acp import AcpAgent
from bot.agents.program import HERE, HOME_INSIDE, Programs

PROGRAM = Path(__file__).with_name("demo_agent.py")


IN_CONTAINERS = ("python3", "-I", "-S", "/usr/local/lib/tugbot/demo_agent.py")  # part of the base image


def demo_agent(
    name: str = "demo", env: Mapping[str, str] | None = None, pause: float | None = None, programs: Programs = HERE
) -> AcpAgent:
    """`pause` is the time between two words of `slow`, in seconds; None: the program's own 0.1."""
    # The interpreter behind the virtual environment: with -I -S it needs nothing but its standard library, so
    # nothing but its prefix has to be visible in a sandbox.
    if programs.inside:
        # The workspace is the project's; what is ours goes home.
        return AcpAgent(name, IN_CONTAINERS, {**(env or {}), "TUGBOT_DEMO_STATE": HOME_INSIDE}, programs=programs)
    python = str(Path(sys.executable).resolve())
    arguments = () if pause is None else ("--pause", str(pause))
    readable = (PROGRAM, Path(sys.base_prefix))
    return AcpAgent(name, (python, "-I", "-S", str(PROGRAM), *arguments), env or {}, readable=readable)
