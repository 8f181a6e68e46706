"""Agents from their configuration: the small table of backends."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bot.agents.acp import AcpAgent
from bot.agents.base import Agent, PrivateFile
from bot.agents.claude import ClaudeAgent
from bot.agents.command import CommandAgent
from bot.agents.config import AgentConfig
from bot.agents.demo import demo_agent
from bot.agents.environment import child_environment
from bot.agents.program import HERE, HOME_INSIDE, INSIDE, Programs
from bot.errors import OperatorError


class BackendUnknown(OperatorError):
    """[agents.{agent}]: there is no backend `{backend}`; there are {backends}."""


class SettingUnused(OperatorError):
    """[agents.{agent}]: `{name}` is set, but nothing in `command` says {{{name}}}, so it would change nothing."""


def build_agents(
    configs: Iterable[AgentConfig],
    environ: Mapping[str, str],
    home: Path,
    secrets: Mapping[str, str] | None = None,
    programs: Programs = HERE,
) -> dict[str, Agent]:
    """Agents by name. `environ` is the bot's own environment, of which each agent gets its part.

    Raises BackendUnknown, SettingUnused.
    """
    return {config.name: _build(config, environ, home, secrets or {}, programs) for config in configs}


def missing_variables(config: AgentConfig, environ: Mapping[str, str], secrets: Mapping[str, str]) -> tuple[str, ...]:
    """Names in the agent's `env` that have a value nowhere: for `doctor`."""
    return child_environment(environ, config.env, secrets).missing


@dataclass(frozen=True, slots=True)
class Means:
    """What an agent is given on this machine."""

    env: Mapping[str, str]
    writable: tuple[Path, ...]
    private: tuple[PrivateFile, ...]
    programs: Programs = HERE


def _build(
    config: AgentConfig, environ: Mapping[str, str], home: Path, secrets: Mapping[str, str], programs: Programs
) -> Agent:
    make = BACKENDS.get(config.backend)
    if make is None:
        raise BackendUnknown(agent=config.name, backend=config.backend, backends=", ".join(BACKENDS))
    for value, name in ((config.model, "model"), (config.tools, "tools")):
        if value and not _uses(config, name):
            raise SettingUnused(agent=config.name, name=name)
    env = child_environment(environ, config.env, secrets).values
    private = tuple(PrivateFile(path, path) for each in config.credentials for path in [_expand(each, home)])
    if programs.inside:
        return make(config, _means_inside(config, environ, home, secrets))
    return make(config, Means(env, tuple(_expand(path, home) for path in config.paths), private))


def _means_inside(config: AgentConfig, environ: Mapping[str, str], home: Path, secrets: Mapping[str, str]) -> Means:
    """In a container the image has an environment of its own; what goes along is what the agent's table names."""
    env = {name: environ[name] for name in ("TERM", "TZ") if environ.get(name)}
    named = child_environment({name: environ[name] for name in config.env if name in environ}, config.env, secrets)
    private = tuple(
        PrivateFile(_expand(each, home), Path(HOME_INSIDE) / _expand(each, home).relative_to(home))
        for each in config.credentials
        if _expand(each, home).is_relative_to(home)
    )
    return Means({**env, **named.values}, (), private, INSIDE)


def _uses(config: AgentConfig, name: str) -> bool:
    return any(f"{{{name}}}" in part for part in config.command) or name in SETTABLE.get(config.backend, ())


class _Kind(Protocol):
    def __call__(
        self,
        name: str,
        command: tuple[str, ...],
        env: Mapping[str, str],
        writable: tuple[Path, ...],
        *,
        private: tuple[PrivateFile, ...],
        model: str | None,
        tools: tuple[str, ...],
        programs: Programs,
    ) -> Agent: ...


def _of(kind: _Kind) -> Callable[[AgentConfig, Means], Agent]:
    """Agents that are a program and its settings."""
    return lambda config, means: kind(
        config.name,
        config.command,
        means.env,
        means.writable,
        private=means.private,
        model=config.model,
        tools=config.tools,
        programs=means.programs,
    )


def _demo(config: AgentConfig, means: Means) -> Agent:
    return demo_agent(config.name, means.env, programs=means.programs)


BACKENDS: Mapping[str, Callable[[AgentConfig, Means], Agent]] = {
    "acp": _of(AcpAgent),
    "claude": _of(ClaudeAgent),
    "command": _of(CommandAgent),
    "demo": _demo,
}
# What a backend can set without a place for it in the command.
SETTABLE: Mapping[str, tuple[str, ...]] = {"acp": ("model",), "claude": ("model", "tools")}


def _expand(path: str, home: Path) -> Path:
    """Relative paths count from home: the bot's own working directory means nothing to an agent."""
    return home / path.removeprefix("~/") if path != "~" else home
