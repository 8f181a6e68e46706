"""The agents: their programs and the variables they ask for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping

from bot.checks.base import Check
from bot.errors import UserError
from bot.secrets import Secrets
from bot.settings import Settings


def check(settings: Settings, environ: Mapping[str, str]) -> Iterator[Check]:
    """One check per agent that can be chosen by name."""
    secrets = Secrets(settings.data_dir)
    for name in settings.agent_names():
        try:
            held = secrets.for_agent(name)
        except UserError as exc:
            yield Check(f"agent {name}", False, str(exc), "tugbot secrets list")
            continue
        yield _one(settings, name, environ, {*environ, *held})


def _one(settings: Settings, name: str, environ: Mapping[str, str], known: set[str]) -> Check:
    config = settings.agent_config(name)
    title = f"agent {name}"
    if config.backend == "demo":
        return Check(title, True, "ships with Tugbot; for trying out, not a coding agent")
    program = config.command[0]
    found = shutil.which(program, path=environ.get("PATH"))
    if found is None:
        return Check(
            title,
            False,
            f"there is no program {program} on PATH",
            f"install {program}, or correct agents.{name}.command in bot.toml",
        )
    if missing := [variable for variable in config.env if variable not in known]:
        fix = f"tugbot secrets set --agent {name} {missing[0]}"
        return Check(title, False, f"{found}; {', '.join(missing)} not set", fix)
    return Check(title, True, found)
