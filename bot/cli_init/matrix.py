"""`tugbot init matrix`: sign in, keep the token, write the settings."""

from __future__ import annotations

import asyncio
import os
from functools import partial

import click
import tomlkit

from bot import datadir
from bot.cli_init import asking, writing
from bot.errors import UserError
from bot.networks import matrix
from bot.options import RunOptions
from bot.secrets import Secrets
from bot.settings import load
from bot.settings.reading import DEFAULT_FILE, config_file
from transports.base import PermanentFailure, TemporaryFailure
from transports.matrix.model import Account

OPTIONS = "--homeserver and --user"


class SignInFailed(UserError):
    """{server} refused: {reason}. Nothing was stored."""


class ServerUnreachable(UserError):
    """{server} does not answer as a homeserver: {reason}. Nothing was stored."""


def set_up(options: RunOptions, server: str, user: str, name: str, *, by_token: bool, yes: bool) -> None:
    """Sign in, keep the token, and write the settings where the person agrees."""
    settings = load(options.config, os.environ, overrides=options.overrides())
    data = datadir.prepare(settings.data_dir)
    own = settings.transports.matrix
    server = server or asking.asked("Homeserver (example.org, or its URL)", own.homeserver, OPTIONS)
    homeserver = _found(server)
    if not by_token:
        user = user or asking.asked("The bot's account (@tugbot:example.org, or its name)", own.user, OPTIONS)
    account = _signed_in(homeserver, user, by_token)
    secrets, scope = Secrets(data), matrix.scope(name)
    secrets.set(scope, matrix.TOKEN, account.token)
    if account.device:
        secrets.set(scope, matrix.DEVICE, account.device)
    click.echo(f"Signed in as {account.user} (device {account.device or 'unknown'}). The token is kept in {data}.")
    change = partial(with_account, account=account, name=name)
    writing.offer(config_file(options.config) or DEFAULT_FILE, _shown(account, name), change, yes=yes)
    click.echo(
        "\nNext: `tugbot run`. It prints a pairing code; invite the bot to a conversation and send it "
        "`pair <code>` there. `tugbot doctor` checks the connection."
    )


def _found(server: str) -> str:
    from transports.matrix.signin import discover

    try:
        return asyncio.run(discover(server))
    except (TemporaryFailure, PermanentFailure) as exc:
        raise ServerUnreachable(server=server, reason=str(exc)) from exc


def _signed_in(homeserver: str, user: str, by_token: bool) -> Account:
    from transports.matrix.signin import sign_in, verify

    secret = asking.secret("Access token" if by_token else f"Password of {user}")
    try:
        return asyncio.run(verify(homeserver, secret) if by_token else sign_in(homeserver, user, secret))
    except (TemporaryFailure, PermanentFailure) as exc:
        raise SignInFailed(server=homeserver, reason=str(exc)) from exc


def _shown(account: Account, name: str) -> str:
    table = f"transports.matrix.accounts.{name}" if name else "transports.matrix"
    return f'[{table}]\nhomeserver = "{account.homeserver}"\nuser = "{account.user}"'


def with_account(text: str, account: Account, name: str = "") -> str:
    """The settings file with the account in it; all else, comments too, stays."""
    document = tomlkit.parse(text)
    table = writing.transport_table(document, "matrix")
    if name:
        table = table.setdefault("accounts", tomlkit.table(is_super_table=True)).setdefault(name, tomlkit.table())
    table["homeserver"], table["user"] = account.homeserver, account.user
    return tomlkit.dumps(document)
