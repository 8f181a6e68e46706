"""The agents: their programs, the variables they ask for, whether they answer, and which one is the default."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bot.agents.base import Probe
from bot.agents.build import BACKENDS, build_agents, missing_variables
from bot.agents.config import AgentConfig
from bot.agents.detect import Detected, detect
from bot.checks.base import Check
from bot.errors import UserError
from bot.secrets import BOT, Secrets
from bot.settings import Settings

PATIENCE = 30.0  # seconds for all of them together to answer: some need ten on a busy machine


def check(settings: Settings, environ: Mapping[str, str]) -> Iterator[Check]:
    """Which agent is the default, then one check per agent that can be chosen by name. Starts their programs."""
    secrets = Secrets(settings.data_dir)
    try:
        detected = _detected(settings, {**secrets.read(BOT), **environ}, secrets)
        yield default(settings, detected)
        configs = [settings.agent_config(name) for name in settings.agent_names()]
        if detected is not None and detected.name not in {config.name for config in configs}:
            configs.insert(0, detected.config)
        held = {config.name: secrets.for_agent(config.name) for config in configs}
    except UserError as exc:
        yield Check("secrets", False, str(exc), "tugbot secrets list")
        return
    faults = {config.name: _fault(config, environ, held[config.name], detected) for config in configs}
    sound = [config for config in configs if faults[config.name] is None]
    probes = asyncio.run(_probes(settings.data_dir, sound, environ, held))
    for config in configs:
        yield faults[config.name] or _answer(config, probes[config.name])


def _detected(settings: Settings, environ: Mapping[str, str], secrets: Secrets) -> Detected | None:
    if settings.default_agent != "auto":
        return None
    home = Path(environ.get("HOME") or Path.home())
    return detect(BACKENDS, environ, home, held=secrets.read)


def default(settings: Settings, detected: Detected | None) -> Check:
    if detected is None:
        return Check("default agent", True, f"{settings.default_agent}, as the settings say")
    return Check("default agent", True, f"{detected.name}. {detected.why}")


def _fault(
    config: AgentConfig, environ: Mapping[str, str], held: Mapping[str, str], detected: Detected | None
) -> Check | None:
    """What can be seen without starting it."""
    title = f"agent {config.name}"
    if config.backend == "demo":
        return None
    program = config.command[0]
    found = shutil.which(program, path=environ.get("PATH"))
    if found is None:
        fix = f"install {program}, or correct agents.{config.name}.command in bot.toml"
        return Check(title, False, f"there is no program {program} on PATH", fix)
    missing = missing_variables(config, environ, held)
    # Of the variables of one that was detected each is a login of its own, and it has one; a table asks for all.
    if missing and not (detected and config is detected.config):
        fix = f"tugbot secrets set --agent {config.name} {missing[0]}"
        return Check(title, False, f"{found}; {', '.join(missing)} not set", fix)
    return None


async def _probes(
    data: Path, configs: Sequence[AgentConfig], environ: Mapping[str, str], held: Mapping[str, Mapping[str, str]]
) -> Mapping[str, Probe]:
    """All at once, contained as their runs would be; nothing of them is left."""
    from bot.agents.containment import choose

    launcher = await choose((data,))
    home = Path(environ.get("HOME") or Path.home())

    async def one(config: AgentConfig) -> Probe:
        with tempfile.TemporaryDirectory(prefix="tugbot-doctor-") as place:
            agent = build_agents([config], environ, home, held[config.name])[config.name]
            try:
                async with asyncio.timeout(PATIENCE):
                    return await agent.probe(launcher, Path(place))
            except TimeoutError:
                return Probe(False, detail=f"{config.name} did not answer within {PATIENCE:g} s.")

    found = await asyncio.gather(*map(one, configs))
    return {config.name: probe for config, probe in zip(configs, found, strict=True)}


def _answer(config: AgentConfig, probe: Probe) -> Check:
    title = f"agent {config.name}"
    version = f"version {probe.version}, " if probe.version else ""
    if not probe.answers:
        fix = f"start `{' '.join(config.command)}` in a terminal and see what it says"
        return Check(title, False, f"does not answer: {probe.detail}", fix)
    if config.backend == "command":
        return Check(title, True, f"{config.command[0]} was found; it is not started, since it might do things")
    note = "; for trying out, not a coding agent" if config.backend == "demo" else ""
    return Check(title, True, f"{version}answers after {probe.seconds:.1f} s{note}")
