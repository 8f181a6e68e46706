"""Agents from their configuration: the small table of backends."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from bot.agents.acp import AcpAgent
from bot.agents.base import Agent
from bot.agents.command import CommandAgent
from bot.agents.config import AgentConfig
from bot.agents.demo import demo_agent
from bot.agents.environment import child_environment
from bot.errors import OperatorError


class BackendUnknown(OperatorError):
    """[agents.{agent}]: there is no backend `{backend}`; there are {backends}."""


class ModelUnused(OperatorError):
    """[agents.{agent}]: `model` is set, but nothing in `command` says {{model}}, so it would change nothing."""


def build_agents(
    configs: Iterable[AgentConfig], environ: Mapping[str, str], home: Path, secrets: Mapping[str, str] | None = None
) -> dict[str, Agent]:
    """Agents by name. `environ` is the bot's own environment, of which each agent gets its part.

    Raises BackendUnknown, ModelUnused.
    """
    return {config.name: _build(config, environ, home, secrets or {}) for config in configs}


def missing_variables(config: AgentConfig, environ: Mapping[str, str], secrets: Mapping[str, str]) -> tuple[str, ...]:
    """Names in the agent's `env` that have a value nowhere: for `doctor`."""
    return child_environment(environ, config.env, secrets).missing


def _build(config: AgentConfig, environ: Mapping[str, str], home: Path, secrets: Mapping[str, str]) -> Agent:
    make = BACKENDS.get(config.backend)
    if make is None:
        raise BackendUnknown(agent=config.name, backend=config.backend, backends=", ".join(BACKENDS))
    writable = tuple(_expand(path, home) for path in config.paths)
    return make(config, child_environment(environ, config.env, secrets).values, writable)


def _acp(config: AgentConfig, env: Mapping[str, str], writable: tuple[Path, ...]) -> Agent:
    return AcpAgent(config.name, config.command, env, writable, model=config.model)


def _command(config: AgentConfig, env: Mapping[str, str], writable: tuple[Path, ...]) -> Agent:
    if config.model and not any("{model}" in part for part in config.command):
        raise ModelUnused(agent=config.name)
    return CommandAgent(config.name, config.command, env, writable, model=config.model)


def _demo(config: AgentConfig, env: Mapping[str, str], writable: tuple[Path, ...]) -> Agent:
    if config.model:
        raise ModelUnused(agent=config.name)
    return demo_agent(config.name, env)


BACKENDS: Mapping[str, Callable[[AgentConfig, Mapping[str, str], tuple[Path, ...]], Agent]] = {
    "acp": _acp,
    "command": _command,
    "demo": _demo,
}


def _expand(path: str, home: Path) -> Path:
    """Relative paths count from home: the bot's own working directory means nothing to an agent."""
    return home / path.removeprefix("~/") if path != "~" else home
