"""What an `[agents.<name>]` table says, as plain values. No logic here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Policy: TypeAlias = Literal["ask", "allow", "deny"]
Place: TypeAlias = Literal["host", "container"]  # where an agent works: host means a sandbox on it


@dataclass(frozen=True, slots=True)
class Permissions:
    """What becomes of an agent's permission requests, by the place it works in."""

    host: Policy = "ask"
    container: Policy = "allow"  # the container is the boundary there


@dataclass(frozen=True, slots=True)
class AgentConfig:
    name: str
    backend: str  # claude | acp | command | demo
    command: tuple[str, ...] = ()  # program and fixed arguments, already split; demo needs none
    env: tuple[str, ...] = ()  # names of variables, taken from the secrets or the bot's environment
    paths: tuple[str, ...] = ()  # visible and writable in the host sandbox; "~" is the bot user's home
    credentials: tuple[str, ...] = ()  # login files, copied into the run's home 0600; "~" is the bot user's home
    tools: tuple[str, ...] = ()  # the only ones the agent may use; fills `{tools}` (joined by commas) in a command
    permissions: Permissions = Permissions()
    briefed: bool = True  # whether it is told the `brief`
    model: str | None = None  # fills `{model}` in the command, else ACP's own model option
    timeout: float = 3600.0  # seconds of wall time for one turn; 0: no limit
    idle_timeout: float = 900.0  # seconds without output and without process activity; 0: no limit
    max_output: int = 1_000_000  # bytes of answer text, the rest is counted; 0: no limit
    max_cost: float = 0.0  # US dollars for one turn, where the agent reports its cost; 0: no limit
    install: str | None = None  # npm:… or pip:…, the package that puts the program into containers
