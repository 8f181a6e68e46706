"""`tugbot doctor`: what the bot needs, tried out, each with the command that mends it. Changes nothing."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

import click

from bot import forges, networks
from bot.checks import (
    agents,
    clock,
    containment,
    data,
    database,
    gateway,
    hooks,
    machine,
    page,
    ports,
    projects,
    transports,
)
from bot.checks.base import Check
from bot.checks.together import Trial, examined
from bot.errors import UserError
from bot.options import RunOptions
from bot.settings import Settings, config_file, load

# Seconds until a check is given up, by what it has to wait for.
SOON = 5.0  # this machine
LATER = 20.0  # a server, or a program that is started
LAST = 45.0  # several of them


def run(options: RunOptions, *, as_json: bool) -> int:
    """Check everything and print it. Exit code: 0, or 1 if something must be mended."""
    return show(examine(options, os.environ), as_json=as_json)


def quick(options: RunOptions) -> int:
    """As `run`, without what starts agents or asks networks and the engine."""
    return show(examine(options, os.environ, thorough=False), as_json=False)


def show(checks: list[Check], *, as_json: bool) -> int:
    """The exit code."""
    click.echo(json.dumps([asdict(check) for check in checks], indent=2) if as_json else table(checks, _utf8()))
    return 0 if all(check.ok for check in checks) else 1


def examine(options: RunOptions, environ: Mapping[str, str], *, thorough: bool = True) -> list[Check]:
    """Every check in the order of a start. Those that depend on settings are left out where these cannot be read."""
    python = machine.python(sys.version_info[:3])
    terminal = machine.terminal(sys.stdin, sys.stdout, environ)
    try:
        settings = load(options.config, environ, overrides=options.overrides())
    except UserError as exc:
        return [python, terminal, Check("settings", False, str(exc), "correct it, then run: tugbot doctor")]
    trials = (*_here(settings, environ), *(_elsewhere(settings, environ) if thorough else ()))
    return [python, terminal, _settings(options.config), *examined(trials)]


def _settings(config: Path | None) -> Check:
    file = config_file(config)
    return Check("settings", True, str(file) if file else "the defaults (there is no ./bot.toml)")


def _here(settings: Settings, environ: Mapping[str, str]) -> Iterator[Trial]:
    """What this machine alone tells."""
    place = settings.data_dir
    yield Trial("data directory", SOON, lambda: [data.directory(place)])
    yield Trial("disk", SOON, lambda: [data.space(place)])
    yield Trial("file system", SOON, lambda: [data.file_system(place)])
    yield Trial("running", SOON, lambda: [data.instance(place)])
    yield Trial("database", LATER, lambda: [database.revision(settings.database)])
    yield Trial(containment.NAME, LATER, lambda: [asyncio.run(containment.check(place))])
    yield Trial("cgroups", SOON, lambda: [containment.cgroups()])
    needed_by = (*networks.called(settings, ()), *forges.called(settings))
    yield Trial("gateway", SOON, lambda: gateway.check(settings, needed_by))
    yield Trial("page", SOON, lambda: page.check(settings))
    yield Trial("hooks", SOON, lambda: hooks.check(settings, environ))
    yield Trial(ports.NAME, SOON, lambda: [ports.check(place, database.file(settings.database))])


def _elsewhere(settings: Settings, environ: Mapping[str, str]) -> Iterator[Trial]:
    """What starts programs, or asks others."""
    yield Trial("agents", LAST, lambda: agents.check(settings, environ))
    yield Trial("docker", LATER, lambda: asyncio.run(projects.check(settings)))
    yield Trial("transports", LAST, lambda: asyncio.run(transports.check(transports.listed(settings, environ))))
    yield Trial(clock.NAME, LATER, lambda: [clock.check(transports.servers(settings, environ))])


def _utf8() -> bool:
    return "utf" in (sys.stdout.encoding or "").lower()


def table(checks: list[Check], utf8: bool) -> str:
    """One line per check; what mends or improves it on a line below."""
    good, bad, arrow = ("✔", "✘", "→") if utf8 else ("ok  ", "FAIL", "->")
    width = max(len(check.name) for check in checks)
    lines = []
    for check in checks:
        lines.append(f"{good if check.ok else bad} {check.name:<{width}}  {check.detail}")
        if check.fix:
            lines.append(f"{' ' * (len(good) + 1 + width)}  {arrow} {check.fix}")
    return "\n".join([*lines, "", _summary(checks)])


def _summary(checks: list[Check]) -> str:
    broken = sum(not check.ok for check in checks)
    return f"{broken} of {len(checks)} must be mended." if broken else "All is well."
