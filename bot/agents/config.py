"""What an `[agents.<name>]` table says, as plain values. No logic here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AgentConfig:
    name: str
    backend: str  # acp | command | demo
    command: tuple[str, ...] = ()  # program and fixed arguments, already split; demo needs none
    env: tuple[str, ...] = ()  # names of variables, taken from the secrets or the bot's environment
    paths: tuple[str, ...] = ()  # visible and writable in the host sandbox; "~" is the bot user's home
    model: str | None = None  # fills `{model}` in the command, else ACP's own model option
    timeout: float = 3600.0  # seconds of wall time for one turn; 0: no limit
    idle_timeout: float = 900.0  # seconds without output and without process activity; 0: no limit
    max_output: int = 1_000_000  # bytes of answer text, the rest is counted; 0: no limit
