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

from bot import networks
from bot.checks import agents, containment, data, database, gateway, machine, projects, transports
from bot.checks.base import Check
from bot.errors import UserError
from bot.options import RunOptions
from bot.settings import Settings, config_file, load


def run(options: RunOptions, *, as_json: bool) -> int:
    """Check everything and print it. Exit code: 0, or 1 if something must be mended."""
    checks = list(examine(options, os.environ))
    click.echo(json.dumps([asdict(check) for check in checks], indent=2) if as_json else table(checks, _utf8()))
    return 0 if all(check.ok for check in checks) else 1


def examine(options: RunOptions, environ: Mapping[str, str]) -> Iterator[Check]:
    """Every check in the order of a start. Those that depend on settings are left out where these cannot be read."""
    yield machine.python(sys.version_info[:3])
    yield machine.terminal(sys.stdin, sys.stdout, environ)
    try:
        settings = load(options.config, environ, overrides=options.overrides())
    except UserError as exc:
        yield Check("settings", False, str(exc), "correct it, then run: tugbot doctor")
        return
    yield _settings(options.config)
    yield from _of(settings, environ)


def _settings(config: Path | None) -> Check:
    file = config_file(config)
    return Check("settings", True, str(file) if file else "the defaults (there is no ./bot.toml)")


def _of(settings: Settings, environ: Mapping[str, str]) -> Iterator[Check]:
    yield data.directory(settings.data_dir)
    yield data.space(settings.data_dir)
    yield data.file_system(settings.data_dir)
    yield data.instance(settings.data_dir)
    yield database.revision(settings.database)
    yield asyncio.run(containment.check(settings.data_dir))
    yield from agents.check(settings, environ)
    yield from asyncio.run(projects.check(settings))
    yield from gateway.check(settings, networks.called(settings, ()))
    yield from asyncio.run(transports.check(transports.listed(settings, os.environ)))


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
