"""The agents: their programs, the variables they ask for, and which one answers by default."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from bot.agents.build import BACKENDS, missing_variables
from bot.agents.config import AgentConfig
from bot.agents.detect import detect
from bot.checks.base import Check
from bot.errors import UserError
from bot.secrets import BOT, Secrets
from bot.settings import Settings


def check(settings: Settings, environ: Mapping[str, str]) -> Iterator[Check]:
    """Which agent is the default, then one check per agent that can be chosen by name."""
    secrets = Secrets(settings.data_dir)
    try:
        yield default(settings, {**secrets.read(BOT), **environ})
        for name in settings.agent_names():
            yield _one(settings.agent_config(name), environ, secrets.for_agent(name))
    except UserError as exc:
        yield Check("secrets", False, str(exc), "tugbot secrets list")


def default(settings: Settings, environ: Mapping[str, str]) -> Check:
    if settings.default_agent != "auto":
        return Check("default agent", True, f"{settings.default_agent}, as the settings say")
    home = Path(environ.get("HOME") or Path.home())
    detected = detect(BACKENDS, environ, home)
    return Check("default agent", True, f"{detected.name}. {detected.why}")


def _one(config: AgentConfig, environ: Mapping[str, str], held: Mapping[str, str]) -> Check:
    title = f"agent {config.name}"
    if config.backend == "demo":
        return Check(title, True, "ships with Tugbot; for trying out, not a coding agent")
    program = config.command[0]
    found = shutil.which(program, path=environ.get("PATH"))
    if found is None:
        fix = f"install {program}, or correct agents.{config.name}.command in bot.toml"
        return Check(title, False, f"there is no program {program} on PATH", fix)
    if missing := missing_variables(config, environ, held):
        fix = f"tugbot secrets set --agent {config.name} {missing[0]}"
        return Check(title, False, f"{found}; {', '.join(missing)} not set", fix)
    return Check(title, True, found)
