"""Each setting of an agent reaches what is started: a setting that changes nothing is a bug."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.agents.base import Launcher, PrivateFile, Process, Spawn, Turn
from bot.agents.build import SettingUnused, build_agents
from bot.agents.config import AgentConfig

SESSION = "11111111-2222-4333-8444-555555555555"


class Caught(Exception):
    pass


class Catching:
    """A launcher that only looks."""

    name = "catching"
    hides_home = True
    spawn_: Spawn

    async def spawn(self, spawn: Spawn) -> Process:
        self.spawn_ = spawn
        raise Caught

    async def kill_leftover(self, identity: Any) -> Any:
        raise NotImplementedError


async def spawned(tmp_path: Path, config: AgentConfig, **turn: Any) -> Spawn:
    launcher = Catching()
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    environ = {"PATH": str(tmp_path), "HOME": str(tmp_path), "KEY": "k", "OTHER": "o"}
    agent = build_agents([config], environ, tmp_path)[config.name]
    with pytest.raises(Caught):
        await agent.start(Turn(1, "hi", tmp_path, **turn), launcher)
    return launcher.spawn_


def of(backend: str, *command: str, **settings: Any) -> AgentConfig:
    return AgentConfig("a", backend, ("program", *command), **settings)


async def test_claude_is_told_its_model_and_tools(tmp_path: Path) -> None:
    plain = (await spawned(tmp_path, of("claude"))).argv
    assert "--model" not in plain
    assert "--tools" not in plain
    told = (await spawned(tmp_path, of("claude", "--verbose", model="sonnet", tools=("Read", "Edit")))).argv
    assert told[1] == "--verbose"
    assert told[told.index("--model") + 1] == "sonnet"
    assert told[told.index("--tools") + 1] == "Read,Edit"


async def test_claude_begins_and_resumes_by_different_options(tmp_path: Path) -> None:
    fresh = (await spawned(tmp_path, of("claude"))).argv
    assert any(part.startswith("--session-id=") for part in fresh)
    resumed = (await spawned(tmp_path, of("claude"), native_session=SESSION)).argv
    assert f"--resume={SESSION}" in resumed
    assert not any(part.startswith("--session-id") for part in resumed)


@pytest.mark.parametrize("backend", ["acp", "command"])
async def test_a_command_says_where_model_and_tools_go(tmp_path: Path, backend: str) -> None:
    config = of(backend, "--model={model}", "-t", "{tools}", model="small; rm -rf /", tools=("read", "edit"))
    assert (await spawned(tmp_path, config)).argv[1:] == ("--model=small; rm -rf /", "-t", "read,edit")


@pytest.mark.parametrize("backend", ["claude", "acp", "command"])
async def test_environment_paths_and_logins_reach_every_program(tmp_path: Path, backend: str) -> None:
    config = of(backend, env=("KEY",), paths=("~/.tool",), credentials=("~/.login",))
    spawn = await spawned(tmp_path, config, environ={"TUGBOT_RUN": "1"})
    assert spawn.env["KEY"] == "k"
    assert spawn.env["TUGBOT_RUN"] == "1"
    assert "OTHER" not in spawn.env
    assert spawn.writable == (tmp_path / ".tool",)
    assert spawn.private == (PrivateFile(tmp_path / ".login", tmp_path / ".login"),)


@pytest.mark.parametrize(
    "config",
    [
        of("acp", tools=("read",)),
        of("command", tools=("read",)),
        of("command", model="m"),
        AgentConfig("a", "demo", model="m"),
        AgentConfig("a", "demo", tools=("read",)),
    ],
)
def test_what_nothing_would_use_is_refused(tmp_path: Path, config: AgentConfig) -> None:
    with pytest.raises(SettingUnused, match="would change nothing"):
        build_agents([config], {}, tmp_path)


_: type[Launcher] = Catching
