"""The real agent programs: where they are, and how each is pointed at the model API on loopback.

`script/agents` installs them; TUGBOT_AGENTS names the directory. Each gets a fresh HOME, dummy keys and no telemetry.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.agents.acp import AcpAgent
from bot.agents.base import Agent
from bot.agents.claude import ClaudeAgent

ROOT = Path(__file__).parents[1]
PLACE = Path(os.environ.get("TUGBOT_AGENTS") or ROOT / ".cache" / "agents")


@dataclass(frozen=True)
class Real:
    name: str
    program: str  # in node_modules/.bin
    make: Callable[[Path, Mapping[str, str], Path, str], Agent]  # program, environment, home, model API's URL
    asks: bool = True  # whether it asks before it runs a command, as set up here
    steers: bool = False


def environment(home: Path) -> dict[str, str]:
    return {"PATH": f"{PLACE}/node/bin:/usr/local/bin:/usr/bin:/bin", "HOME": str(home), "LANG": "C.UTF-8"}


def _claude(program: Path, env: Mapping[str, str], home: Path, url: str) -> Agent:
    (home / ".claude").mkdir(exist_ok=True)
    (home / ".claude.json").write_text("{}")
    return ClaudeAgent(
        "claude", (str(program),), {**env, **anthropic(url)}, (home / ".claude", home / ".claude.json"), (PLACE,)
    )


def _claude_acp(program: Path, env: Mapping[str, str], home: Path, url: str) -> Agent:
    (home / ".claude").mkdir(exist_ok=True)
    (home / ".claude.json").write_text("{}")
    command = ("node", str(program.resolve()))
    return AcpAgent(
        "claude-acp", command, {**env, **anthropic(url)}, (home / ".claude", home / ".claude.json"), (PLACE,)
    )


def _codex_acp(program: Path, env: Mapping[str, str], home: Path, url: str) -> Agent:
    (home / ".codex").mkdir(exist_ok=True)
    provider = {"name": "fake", "base_url": f"{url}/v1", "env_key": "FAKE_KEY", "wire_api": "responses"}
    config = {
        "model": "gpt-5-codex",
        "model_provider": "fake",
        "model_providers": {"fake": {**provider, "supports_websockets": False}},
    }
    more = {"FAKE_KEY": "dummy", "CODEX_CONFIG": json.dumps(config), "OPENAI_API_KEY": "dummy"}
    # Its own sandbox cannot be made inside ours where the bot is run by root.
    more["INITIAL_AGENT_MODE"] = "agent-full-access"
    command = ("node", str(program.resolve()))
    return AcpAgent("codex-acp", command, {**env, **more}, (home / ".codex",), (PLACE,))


def _opencode(program: Path, env: Mapping[str, str], home: Path, url: str) -> Agent:
    provider = {
        "npm": "@ai-sdk/anthropic",
        "name": "fake",
        "options": {"baseURL": f"{url}/v1", "apiKey": "dummy"},
        "models": {"fake-1": {"name": "Fake 1"}},
    }
    config = {
        "provider": {"fake": provider},
        "model": "fake/fake-1",
        "permission": {"bash": "ask"},
        "share": "disabled",
        "autoupdate": False,
    }
    more = {"OPENCODE_CONFIG_CONTENT": json.dumps(config), "OPENCODE_DISABLE_AUTOUPDATE": "1"}
    for place in (".local/share/opencode", ".config/opencode", ".cache/opencode", ".local/state/opencode"):
        (home / place).mkdir(parents=True, exist_ok=True)
    return AcpAgent(
        "opencode",
        (str(program), "acp"),
        {**env, **more},
        (home / ".local", home / ".config", home / ".cache"),
        (PLACE,),
    )


def anthropic(url: str) -> dict[str, str]:
    return {
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_API_KEY": "dummy",
        "DISABLE_TELEMETRY": "1",
        "DISABLE_ERROR_REPORTING": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "CLAUDE_CODE_MAX_RETRIES": "2",
    }


REAL = (
    Real("claude", "claude", _claude, steers=True),
    Real("claude-acp", "claude-agent-acp", _claude_acp),
    Real("codex-acp", "codex-acp", _codex_acp, asks=False),
    Real("opencode", "opencode", _opencode),
)


def program_of(real: Real) -> Path:
    """Fails under CI where the program is missing; elsewhere skips and says what to do."""
    program = PLACE / "node_modules" / ".bin" / real.program
    if not program.exists():
        words = f"{real.program} is not installed: run script/agents"
        if os.environ.get("CI") == "true":
            pytest.fail(words)
        pytest.skip(words)
    return program
