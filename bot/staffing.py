"""Which agents there are, with their limits and secrets, and which one answers by default."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bot.agents.base import Launcher
from bot.agents.build import BACKENDS, build_agents
from bot.agents.config import AgentConfig
from bot.agents.detect import Detected, detect
from bot.agents.program import INSIDE
from bot.commands.model import AgentInfo
from bot.runs.listening import Staff
from bot.runs.watch import TurnLimits
from bot.secrets import BOT, Secrets

PATIENCE = 8.0  # seconds for a program to say its version


@dataclass(frozen=True, slots=True)
class Staffing:
    staff: Mapping[str, Staff]
    infos: tuple[AgentInfo, ...]
    default: str
    why: str  # a sentence: why that one
    unusable: tuple[AgentInfo, ...] = ()  # installed, but not to be chosen


def staffing(configs: Mapping[str, AgentConfig], chosen: str, secrets: Secrets, environ: Mapping[str, str]) -> Staffing:
    """`chosen` is a name, or "auto". Raises UserError for unreadable secrets, OperatorError for a bad table."""
    home = Path(environ.get("HOME") or Path.home())
    detected = _detect(chosen, configs, secrets, environ, home)
    configs = {**configs, **({} if detected.name in configs else {detected.name: detected.config})}
    staff = {name: _one(config, secrets, environ, home) for name, config in configs.items()}
    infos = tuple(_info(config, detected, staff[config.name].agent.can_steer) for config in configs.values())
    unusable = tuple(
        AgentInfo(found.name, "", "", obstacle=found.obstacle)
        for found in detected.found
        if found.obstacle and found.name not in configs
    )
    return Staffing(staff, infos, detected.name, detected.why, unusable)


def _detect(
    chosen: str, configs: Mapping[str, AgentConfig], secrets: Secrets, environ: Mapping[str, str], home: Path
) -> Detected:
    if chosen != "auto":
        return Detected(chosen, "chosen in the settings", (), configs[chosen])
    return detect(BACKENDS, {**secrets.read(BOT), **environ}, home, held=secrets.read)


def _one(config: AgentConfig, secrets: Secrets, environ: Mapping[str, str], home: Path) -> Staff:
    # Built one by one: an agent sees its own secrets and the bot's common ones, never another agent's.
    agent = build_agents([config], environ, home, secrets.for_agent(config.name))[config.name]
    limits = TurnLimits(config.timeout, config.idle_timeout, config.max_output, config.max_cost)
    inside = build_agents([config], environ, home, secrets.for_agent(config.name), INSIDE)[config.name]
    return Staff(agent, limits, config.permissions, config.briefed, inside)


def _info(config: AgentConfig, detected: Detected, steers: bool) -> AgentInfo:
    is_default = config.name == detected.name
    return AgentInfo(
        name=config.name,
        backend=config.backend,
        program=config.command[0] if config.command else "",
        default=is_default,
        note=detected.why if is_default else "",
        policy=f"permissions: {config.permissions.host}",
        steers=steers,
    )


class Roster:
    """The agents as `agent` lists them, with what their programs say of themselves."""

    def __init__(self, staffing: Staffing, launcher: Launcher, place: Path) -> None:
        """`place`: a directory in which programs are started to be asked."""
        self._staffing = staffing
        self._launcher = launcher
        self._place = place
        self._versions: dict[str, str] = {}

    async def infos(self) -> tuple[AgentInfo, ...]:
        """Asks those that have not answered yet, all at once, for a few seconds."""
        silent = [name for name in self._staffing.staff if name not in self._versions]
        await asyncio.gather(*(self._ask(name) for name in silent))
        where = "sandbox on this machine" if self._launcher.hides_home else "on this machine, files not hidden"
        known = [replace(info, version=self._versions.get(info.name, ""), place=where) for info in self._staffing.infos]
        return (*known, *self._staffing.unusable)

    async def _ask(self, name: str) -> None:
        self._place.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            async with asyncio.timeout(PATIENCE):
                probe = await self._staffing.staff[name].agent.probe(self._launcher, self._place)
        except TimeoutError:
            return  # it is asked again the next time
        if probe.answers:
            self._versions[name] = probe.version
