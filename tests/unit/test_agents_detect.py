from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.agents.build import BackendUnknown, SettingUnused, build_agents, missing_variables
from bot.agents.config import AgentConfig
from bot.agents.detect import KNOWN, Detected, detect

Machine = Callable[..., Detected]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    (tmp_path / "bin").mkdir()

    def look(*programs: str, files: tuple[str, ...] = (), backends: tuple[str, ...] = ("acp",), **env: str) -> Detected:
        for program in programs:
            (tmp_path / "bin" / program).write_text("#!/bin/sh\n")
            (tmp_path / "bin" / program).chmod(0o755)
        for file in files:
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file).touch()
        return detect(backends, {"PATH": str(tmp_path / "bin"), **env}, tmp_path)

    return look


def test_nothing_installed_means_demo(machine: Machine) -> None:
    found = machine()
    assert (found.name, found.found) == ("demo", ())
    assert found.why == "No coding agent was found on PATH, so the demo agent answers."


def test_an_agent_without_its_backend_is_told_and_passed_over(machine: Machine) -> None:
    found = machine("claude", "opencode", ANTHROPIC_API_KEY="k")
    assert (found.name, found.config.command) == ("opencode", ("opencode", "acp"))
    assert found.why == (
        "opencode is installed and has credentials. claude was found, but this version cannot drive it yet."
    )


def test_an_agent_without_credentials_is_told_and_passed_over(machine: Machine) -> None:
    found = machine("gemini")
    assert found.name == "demo"
    assert found.why == (
        "gemini was found, but is not logged in (nor is GEMINI_API_KEY or GOOGLE_API_KEY set). "
        "So the demo agent answers."
    )


def test_a_file_counts_as_credentials(machine: Machine) -> None:
    assert machine("gemini", files=(".gemini/oauth_creds.json",)).name == "gemini"


def test_an_agent_whose_adapter_is_missing_is_told(machine: Machine) -> None:
    assert "`codex-acp`, which drives it, was not" in machine("codex", OPENAI_API_KEY="k").why
    assert machine("codex", "codex-acp", OPENAI_API_KEY="k").name == "codex"


@pytest.mark.parametrize("backends", [("acp", "claude")])
def test_the_first_in_the_order_wins(machine: Machine, backends: tuple[str, ...]) -> None:
    keys = {name: "k" for agent in KNOWN for name in agent.variables}
    found = machine("opencode", "gemini", "codex", "codex-acp", "claude", backends=backends, **keys)
    assert [one.name for one in found.found] == ["claude", "codex", "gemini", "opencode"]
    assert found.name == "claude"


def test_agents_are_built_from_their_tables(tmp_path: Path) -> None:
    configs = [
        AgentConfig("demo", "demo"),
        AgentConfig("mine", "command", ("my", "{model}"), ("KEY",), ("~/.my", "~", "/opt/x"), "small"),
        AgentConfig("gem", "acp", ("gemini", "--acp")),
    ]
    agents = build_agents(configs, {"PATH": "/bin", "SECRET": "s"}, tmp_path, {"KEY": "k"})
    assert list(agents) == ["demo", "mine", "gem"]
    assert [agent.keeps_conversation for agent in agents.values()] == [True, False, True]
    mine = agents["mine"]
    assert mine.writable == (tmp_path / ".my", tmp_path, Path("/opt/x"))  # type: ignore[attr-defined]
    assert mine.env == {"PATH": "/bin", "KEY": "k"}  # type: ignore[attr-defined]
    assert "KEY" not in repr(mine)


def test_what_cannot_be_built_is_told(tmp_path: Path) -> None:
    with pytest.raises(
        BackendUnknown, match=r"\[agents.a\]: there is no backend `x`; there are acp, claude, command, demo."
    ):
        build_agents([AgentConfig("a", "x")], {}, tmp_path)
    with pytest.raises(SettingUnused, match=r"nothing in `command` says \{model\}"):
        build_agents([AgentConfig("a", "command", ("x",), model="m")], {}, tmp_path)


def test_missing_variables_are_named() -> None:
    config = AgentConfig("a", "command", ("x",), ("ONE", "TWO", "THREE"))
    assert missing_variables(config, {"ONE": "1"}, {"TWO": "2"}) == ("THREE",)


def test_an_agents_own_secrets_count_as_its_login(tmp_path: Path) -> None:
    (tmp_path / "claude").write_text("#!/bin/sh\n")
    (tmp_path / "claude").chmod(0o755)
    held = {"claude": {"CLAUDE_CODE_OAUTH_TOKEN": "t"}}
    environ = {"PATH": str(tmp_path)}
    assert detect({"claude"}, environ, tmp_path).name == "demo"
    assert detect({"claude"}, environ, tmp_path, held=lambda name: held.get(name, {})).name == "claude"
