"""`tugbot stacks` and `tugbot ssh`: what projects need of the machine, prepared from a terminal."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import click

from bot import datadir
from bot.commands import projectwords
from bot.options import RunOptions
from bot.projects import places, rootfs, sshconfig
from bot.projects.engine import Engine
from bot.projects.images import ROOTFS, Images
from bot.settings import Settings, load

WIDTH = 100  # characters of a progress line


def base(options: RunOptions) -> None:
    """Make the root file system that images begin with."""
    _load(options)

    async def work(engine: Engine) -> None:
        await rootfs.make(engine, ROOTFS, _told)

    _with_engine(work)
    click.echo(f"{ROOTFS} is there.")


def build(options: RunOptions, names: tuple[str, ...]) -> None:
    """Build the images of stacks ahead: of the named ones, else of all."""
    settings = _load(options)

    async def work(engine: Engine) -> None:
        images = Images(engine, settings.image_settings())
        owner = places.owner_of(settings.projects.root.expanduser())
        for name in names or tuple(images.stacks()):
            tag = await images.project((name,), owner, _told)
            tools = [tool for tool in await images.tools(tag) if tool.stack == name]
            click.echo(f"{name}: {tag}")
            click.echo(f"  {projectwords.tools_line(tools).replace('**', '')}")

    _with_engine(work)


def ssh_setup(options: RunOptions, *, yes: bool) -> None:
    """Let the user's ssh configuration include ours, after asking."""
    settings = _load(options)
    generated = datadir.prepare(settings.data_dir) / "ssh" / "config"
    config = Path.home() / ".ssh" / "config"
    line = sshconfig.include_line(generated)
    if sshconfig.is_set_up(config, generated):
        click.echo(f"{config} includes it already.")
        return
    if not yes:
        click.confirm(f"Put `{line}` at the front of {config}?", abort=True, err=True)
    if not generated.exists():
        sshconfig.write(generated, ())
    sshconfig.setup(config, generated)
    click.echo("Done. `ssh tug-<project>` works now, in editors too.")


def _load(options: RunOptions) -> Settings:
    return load(options.config, os.environ, overrides=options.overrides())


def _told(line: str) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{line[:WIDTH]}", nl=False, err=True)
    elif "Step " in line or line.startswith("I: "):
        click.echo(line[:WIDTH], err=True)


def _with_engine(work: Callable[[Engine], Awaitable[None]]) -> None:
    async def main() -> None:
        engine = Engine()
        try:
            await work(engine)
        finally:
            await engine.close()
            if sys.stderr.isatty():
                click.echo("\r\x1b[K", nl=False, err=True)

    asyncio.run(main())
