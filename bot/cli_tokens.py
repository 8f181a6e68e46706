"""`tugbot token`: making, showing and revoking what programs call the API with. A running bot notices at once."""

from __future__ import annotations

import os
import time

import click

from bot import datadir
from bot.access import uses
from bot.access.errors import TokensUnwritable
from bot.access.model import Token
from bot.access.tokens import Tokens, is_over
from bot.commands.model import Role
from bot.commands.phrases import lasting
from bot.options import RunOptions
from bot.settings import Settings, load


def create(options: RunOptions, name: str, role: Role, days: int | None) -> None:
    """The token goes to standard output, everything else to standard error."""
    tokens = Tokens(datadir.prepare(_settings(options).data_dir))
    try:
        token = tokens.create(name, role, days)
    except OSError as exc:
        raise TokensUnwritable(reason=datadir.reason(exc)) from exc
    until = f"for {days} days" if days else "until it is revoked"
    click.echo(f"Token {name} with the role {role}, {until}. It is shown this once and kept nowhere:", err=True)
    click.echo(token)


def show(options: RunOptions) -> None:
    data = _settings(options).data_dir
    tokens, used, now = Tokens(data).all(), uses.read(data), time.time()
    for token in tokens:
        click.echo(f"{token.name}: {token.role}, {_age(token, used.get(token.digest), now)}")
    if not tokens:
        click.echo("There are no tokens. Make one with: tugbot token create NAME --role member", err=True)


def _age(token: Token, used: float | None, now: float) -> str:
    made = f"made {lasting(now - token.made_at)} ago"
    last = f"last used {lasting(now - used)} ago" if used else "never used"
    if token.expires_at is None:
        return f"{made}, {last}"
    end = "is over" if is_over(token, now) else f"ends in {lasting(token.expires_at - now)}"
    return f"{made}, {last}, {end}"


def revoke(options: RunOptions, name: str) -> None:
    try:
        Tokens(_settings(options).data_dir).revoke(name)
    except OSError as exc:
        raise TokensUnwritable(reason=datadir.reason(exc)) from exc
    click.echo(f"Token {name} is nobody's any more.")


def _settings(options: RunOptions) -> Settings:
    return load(options.config, os.environ, overrides=options.overrides())
