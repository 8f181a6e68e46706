"""Find the program of an agent before anything is started for it. Nearly pure: looks at the file system."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from bot.agents.base import ProgramMissing
from bot.agents.containment import program_paths
from bot.agents.environment import certificate_paths
from bot.agents.text import one_line

# From the vendors' own installation pages.
_INSTALL = {
    "claude": "npm install -g @anthropic-ai/claude-code",
    "claude-agent-acp": "npm install -g @agentclientprotocol/claude-agent-acp",
    "codex": "npm install -g @openai/codex",
    "codex-acp": "npm install -g @agentclientprotocol/codex-acp",
    "gemini": "npm install -g @google/gemini-cli",
    "opencode": "npm install -g opencode-ai",
}


class Programs(Protocol):
    """Where an agent's program is looked for, and what of this machine it must see."""

    @property
    def inside(self) -> bool: ...  # in a container, whose files cannot be looked at from here

    def find(self, agent: str, program: str, env: Mapping[str, str], cwd: Path) -> str:
        """What to start. Raises ProgramMissing."""
        ...

    def visible(self, argv: tuple[str, ...], env: Mapping[str, str]) -> tuple[Path, ...]: ...


class Here:
    """On this machine, in a sandbox or not."""

    inside = False

    def find(self, agent: str, program: str, env: Mapping[str, str], cwd: Path) -> str:
        return find_program(agent, program, env, cwd)

    def visible(self, argv: tuple[str, ...], env: Mapping[str, str]) -> tuple[Path, ...]:
        return visible_paths(argv, env)


class Inside:
    """In a container: it says itself what it does not have, and sees nothing of this machine."""

    inside = True

    def find(self, agent: str, program: str, env: Mapping[str, str], cwd: Path) -> str:
        return program

    def visible(self, argv: tuple[str, ...], env: Mapping[str, str]) -> tuple[Path, ...]:
        return ()


HERE, INSIDE = Here(), Inside()
HOME_INSIDE = "/home/dev"  # of every container


def find_program(agent: str, program: str, env: Mapping[str, str], cwd: Path) -> str:
    """Absolute path of the program, by the child's own PATH. Raises ProgramMissing."""
    if "/" in program:  # relative to where it will run, not to where the bot was started
        found = shutil.which(os.path.join(cwd, os.path.expanduser(program)))
    else:
        found = shutil.which(program, path=env.get("PATH", ""))
    if found is None:
        raise ProgramMissing(agent=agent, program=one_line(program), hint=install_hint(agent, program))
    return found


def install_hint(agent: str, program: str) -> str:
    name = Path(program).name
    how = f"Install it (`{_INSTALL[name]}`)" if name in _INSTALL else "Install it"
    return f"{how}, or set `command` in `[agents.{agent}]` of bot.toml."


def filled(command: tuple[str, ...], model: str | None, tools: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The command with `{model}` and `{tools}` filled in, after splitting: what is filled in is never parsed again."""
    if model:
        command = tuple(part.replace("{model}", model) for part in command)
    return tuple(part.replace("{tools}", ",".join(tools)) for part in command) if tools else command


def visible_paths(argv: tuple[str, ...], env: Mapping[str, str]) -> tuple[Path, ...]:
    """What the program must be able to read inside a sandbox: itself, its interpreter, the CA files."""
    return (*certificate_paths(env), *program_paths(argv, env.get("PATH", ""), Path(env.get("HOME") or Path.home())))
