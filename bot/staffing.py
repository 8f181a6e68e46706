"""Which agents there are, with their limits and secrets, and which one answers by default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.agents.build import BACKENDS, build_agents
from bot.agents.config import AgentConfig
from bot.agents.detect import Detected, detect
from bot.commands.model import AgentInfo
from bot.runs.listening import Staff
from bot.runs.watch import TurnLimits
from bot.secrets import BOT, Secrets


@dataclass(frozen=True, slots=True)
class Staffing:
    staff: Mapping[str, Staff]
    infos: tuple[AgentInfo, ...]
    default: str
    why: str  # a sentence: why that one


def staffing(configs: Mapping[str, AgentConfig], chosen: str, secrets: Secrets, environ: Mapping[str, str]) -> Staffing:
    """`chosen` is a name, or "auto". Raises UserError for unreadable secrets, OperatorError for a bad table."""
    home = Path(environ.get("HOME") or Path.home())
    detected = _detect(chosen, configs, secrets, environ, home)
    configs = {**configs, **({} if detected.name in configs else {detected.name: detected.config})}
    staff = {name: _one(config, secrets, environ, home) for name, config in configs.items()}
    infos = tuple(_info(config, detected) for config in configs.values())
    return Staffing(staff, infos, detected.name, detected.why)


def _detect(
    chosen: str, configs: Mapping[str, AgentConfig], secrets: Secrets, environ: Mapping[str, str], home: Path
) -> Detected:
    if chosen != "auto":
        return Detected(chosen, "chosen in the settings", (), configs[chosen])
    return detect(BACKENDS, {**secrets.read(BOT), **environ}, home)


def _one(config: AgentConfig, secrets: Secrets, environ: Mapping[str, str], home: Path) -> Staff:
    # Built one by one: an agent sees its own secrets and the bot's common ones, never another agent's.
    agent = build_agents([config], environ, home, secrets.for_agent(config.name))[config.name]
    limits = TurnLimits(config.timeout, config.idle_timeout, config.max_output, config.max_cost)
    return Staff(agent, limits, config.permissions, config.briefed)


def _info(config: AgentConfig, detected: Detected) -> AgentInfo:
    is_default = config.name == detected.name
    program = config.command[0] if config.command else ""
    return AgentInfo(config.name, config.backend, program, is_default, detected.why if is_default else "")
