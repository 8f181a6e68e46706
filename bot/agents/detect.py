"""Which agent `default_agent = "auto"` means on this machine, and why."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.agents.config import AgentConfig

DEMO = "demo"


@dataclass(frozen=True, slots=True)
class Known:
    """A coding agent we know of. Programs and places of credentials as of November 2026, from their own documents."""

    name: str
    program: str  # what a person installs
    backend: str
    command: tuple[str, ...]  # what we start, where that is another program
    variables: tuple[str, ...]  # any one of them is a credential
    files: tuple[str, ...]  # relative to home; any one of them is a credential
    paths: tuple[str, ...]  # must be visible and writable for it to work

    def config(self) -> AgentConfig:
        """As if it had a table of its own in bot.toml."""
        return AgentConfig(self.name, self.backend, self.command, env=self.variables, paths=self.paths)


KNOWN = (
    Known(
        name="claude",
        program="claude",
        backend="claude",
        command=("claude",),
        variables=("ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN"),
        files=(".claude/.credentials.json",),
        paths=("~/.claude", "~/.claude.json"),
    ),
    Known(
        name="codex",
        program="codex",
        backend="acp",
        command=("codex-acp",),
        variables=("OPENAI_API_KEY", "CODEX_API_KEY"),
        files=(".codex/auth.json",),
        paths=("~/.codex",),
    ),
    Known(
        name="gemini",
        program="gemini",
        backend="acp",
        command=("gemini", "--acp", "--skip-trust"),
        variables=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        files=(".gemini/oauth_creds.json",),
        paths=("~/.gemini",),
    ),
    Known(
        name="opencode",
        program="opencode",
        backend="acp",
        command=("opencode", "acp"),
        variables=("ANTHROPIC_API_KEY", "OPENAI_API_KEY"),
        files=(".local/share/opencode/auth.json",),
        paths=("~/.local/share/opencode", "~/.config/opencode"),
    ),
)


@dataclass(frozen=True, slots=True)
class Found:
    """An installed agent."""

    name: str
    path: str
    obstacle: str = ""  # why it is not picked; "" for one that could be


@dataclass(frozen=True, slots=True)
class Detected:
    name: str  # demo where nothing else can be used
    why: str  # a sentence for `agent`, `doctor` and the first reply
    found: tuple[Found, ...]  # every installed one, in the order of preference
    config: AgentConfig  # to build it from, where bot.toml has no table for it


def detect(
    available_backends: Collection[str],
    environ: Mapping[str, str],
    home: Path,
    known: Collection[Known] = KNOWN,
    held: Callable[[str], Mapping[str, str]] = lambda agent: {},
) -> Detected:
    """The first known agent that is installed, has credentials and can be driven by this version; else demo.

    `environ` holds PATH and the variables that count as credentials: the bot's environment and its secrets together;
    `held` tells the secrets of one agent. Looks at the file system; reads no credential.
    """
    found = tuple(
        one for agent in known if (one := _look(agent, available_backends, {**environ, **held(agent.name)}, home))
    )
    usable = next((one for one in found if not one.obstacle), None)
    if usable is None:
        return Detected(DEMO, _why_demo(found), found, AgentConfig(DEMO, DEMO))
    config = next(agent.config() for agent in known if agent.name == usable.name)
    passed_over = "".join(f" {one.name} {one.obstacle}." for one in found[: found.index(usable)])
    return Detected(usable.name, f"{usable.name} is installed and has credentials.{passed_over}", found, config)


def _look(agent: Known, backends: Collection[str], environ: Mapping[str, str], home: Path) -> Found | None:
    path = _which(agent.program, environ)
    return Found(agent.name, path, _obstacle(agent, backends, environ, home)) if path else None


def _obstacle(agent: Known, backends: Collection[str], environ: Mapping[str, str], home: Path) -> str:
    if agent.backend not in backends:
        return "was found, but this version cannot drive it yet"
    if not _which(agent.command[0], environ):
        return f"was found, but `{agent.command[0]}`, which drives it, was not"
    if not _has_credentials(agent, environ, home):
        return f"was found, but is not logged in (nor is {' or '.join(agent.variables)} set)"
    return ""


def _has_credentials(agent: Known, environ: Mapping[str, str], home: Path) -> bool:
    return any(environ.get(name) for name in agent.variables) or any((home / file).is_file() for file in agent.files)


def _which(program: str, environ: Mapping[str, str]) -> str | None:
    return shutil.which(program, path=environ.get("PATH", ""))


def _why_demo(found: tuple[Found, ...]) -> str:
    if not found:
        return "No coding agent was found on PATH, so the demo agent answers."
    return "".join(f"{one.name} {one.obstacle}. " for one in found) + "So the demo agent answers."
