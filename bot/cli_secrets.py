"""`tugbot secrets`: asking, showing names, forgetting."""

from __future__ import annotations

import os
import re
import sys

import click

from bot import datadir
from bot.errors import UserError
from bot.options import RunOptions
from bot.projects.gitaccess import KEY, TOKEN
from bot.projects.names import NAME
from bot.secrets import BOT, MAX_BYTES, Secrets, check_name, check_scope, project_scope
from bot.settings import Settings, load

_LIKE_A_NAME = re.compile(r"[A-Z][A-Z0-9_]{2,40}", re.ASCII)  # of a secret; a value hardly looks like this


class ValueInArgument(UserError):
    """A secret's value is never taken from the command line, where other users and the shell's history see it. Nothing was stored. Run `tugbot secrets set NAME` and type or pipe in the value; what you typed just now may be in your shell's history."""  # noqa: E501


class ValueUnreadable(UserError):
    """The value could not be read from standard input: it is not UTF-8 text."""


def set_secret(options: RunOptions, scope: str, name: str, surplus: tuple[str, ...]) -> None:
    """Ask for a value, or take it from standard input, and store it. Two words are a project and a name."""
    if len(surplus) == 1 and scope == BOT and NAME.fullmatch(name) and _LIKE_A_NAME.fullmatch(surplus[0]):
        scope, name, surplus = project_scope(name), surplus[0], ()
    if surplus or "=" in name:
        raise ValueInArgument
    check_name(name)
    check_scope(scope)
    settings = load(options.config, os.environ, overrides=options.overrides())
    secrets = Secrets(datadir.prepare(settings.data_dir))
    secrets.set(scope, name, _ask(name) if sys.stdin.isatty() else _read())
    click.echo(f"Stored {name} for {_whose(scope)}.{_unused(settings, scope, name)}")


def _ask(name: str) -> str:
    value: str = click.prompt(f"Value of {name} (not shown)", hide_input=True, err=True)
    return value


def _read() -> str:
    """Standard input without its last line break. One byte over the limit is enough to be refused by it."""
    try:
        text = sys.stdin.buffer.read(MAX_BYTES + 3).decode()
    except UnicodeDecodeError:
        # "from None": the error holds the bytes
        raise ValueUnreadable from None
    return text.removesuffix("\n").removesuffix("\r")


def _whose(scope: str) -> str:
    if scope.startswith(project_scope("")):
        return f"project {scope.removeprefix(project_scope(''))}"
    return "all agents that ask for it" if scope == BOT else f"agent {scope}"


def _unused(settings: Settings, scope: str, name: str) -> str:
    if scope.startswith(project_scope("")):
        return "" if name in (TOKEN, KEY) else f" Projects use {TOKEN} and {KEY} alone."
    agents = {scope: settings.agents[scope]} if scope in settings.agents else settings.agents if scope == BOT else {}
    if any(name in agent.env for agent in agents.values()):
        return ""
    table = "<name>" if scope == BOT else scope
    return f' No agent asks for it yet: add env = ["{name}"] to [agents.{table}] in bot.toml.'


def list_secrets(options: RunOptions) -> None:
    settings = load(options.config, os.environ, overrides=options.overrides())
    names = Secrets(settings.data_dir).names()
    for scope, own in names.items():
        click.echo(f"{scope}: {', '.join(own)}")
    if not names:
        click.echo("No secrets are stored. Add one with: tugbot secrets set NAME", err=True)


def unset_secret(options: RunOptions, scope: str, name: str) -> None:
    settings = load(options.config, os.environ, overrides=options.overrides())
    Secrets(settings.data_dir).unset(scope, name)
    click.echo(f"Forgot {name} for {_whose(scope)}.")
