"""`tugbot init …`: setting a chat network up from a terminal, verified before anything is stored."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click
import tomlkit
from tomlkit.exceptions import TOMLKitError

from bot import datadir, networks
from bot.errors import UserError
from bot.options import RunOptions
from bot.secrets import Secrets
from bot.settings import load
from bot.settings.reading import DEFAULT_FILE, config_file
from transports.base import PermanentFailure, TemporaryFailure
from transports.matrix.model import Account

T = TypeVar("T")


class SignInFailed(UserError):
    """{server} refused: {reason}. Nothing was stored."""


class ServerUnreachable(UserError):
    """{server} does not answer as a homeserver: {reason}. Nothing was stored."""


class FileUnwritable(UserError):
    """{file} could not be changed ({reason}). Write into it by hand what is shown above."""


def matrix(options: RunOptions, server: str, user: str, name: str, *, by_token: bool, yes: bool) -> None:
    """Sign in, keep the token, and write the settings where the person agrees."""
    settings = load(options.config, os.environ, overrides=options.overrides())
    data = datadir.prepare(settings.data_dir)
    server = server or _asked("Homeserver (example.org, or its URL)", settings.transports.matrix.homeserver)
    homeserver = _found(server)
    if not by_token:
        user = user or _asked("The bot's account (@tugbot:example.org, or its name)", settings.transports.matrix.user)
    account = _signed_in(homeserver, user, by_token)
    secrets, scope = Secrets(data), networks.scope(name)
    secrets.set(scope, networks.TOKEN, account.token)
    if account.device:
        secrets.set(scope, networks.DEVICE, account.device)
    click.echo(f"Signed in as {account.user} (device {account.device or 'unknown'}). The token is kept in {data}.")
    _write(config_file(options.config) or DEFAULT_FILE, account, name, yes=yes)
    click.echo(
        "\nNext: `tugbot run`. It prints a pairing code; invite the bot to a conversation and send it "
        "`pair <code>` there. `tugbot doctor` checks the connection."
    )


def _asked(question: str, default: str) -> str:
    if not sys.stdin.isatty():
        raise SignInFailed(server="tugbot init", reason="give --homeserver and --user where nobody can be asked")
    answer: str = click.prompt(question, default=default or None, err=True)
    return answer.strip()


def _found(server: str) -> str:
    from transports.matrix.signin import discover

    try:
        return _run(discover(server))
    except (TemporaryFailure, PermanentFailure) as exc:
        raise ServerUnreachable(server=server, reason=str(exc)) from exc


def _signed_in(homeserver: str, user: str, by_token: bool) -> Account:
    from transports.matrix.signin import sign_in, verify

    secret = _secret("Access token" if by_token else f"Password of {user}")
    try:
        return _run(verify(homeserver, secret) if by_token else sign_in(homeserver, user, secret))
    except (TemporaryFailure, PermanentFailure) as exc:
        raise SignInFailed(server=homeserver, reason=str(exc)) from exc


def _secret(what: str) -> str:
    """Never an argument: other users and the shell's history see those."""
    if sys.stdin.isatty():
        value: str = click.prompt(f"{what} (not shown)", hide_input=True, err=True)
        return value
    return sys.stdin.readline().rstrip("\r\n")


def _run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


# ---------------------------------------------------------------- bot.toml


def _write(path: Path, account: Account, name: str, *, yes: bool) -> None:
    table = f"transports.matrix.accounts.{name}" if name else "transports.matrix"
    lines = f'[{table}]\nhomeserver = "{account.homeserver}"\nuser = "{account.user}"'
    click.echo(f"\n{path} shall hold:\n\n{lines}\n")
    if not yes and not (sys.stdin.isatty() and click.confirm(f"Write that into {path}?", default=True, err=True)):
        return
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        path.write_text(with_account(text, account, name), encoding="utf-8")
    except (OSError, UnicodeDecodeError, TOMLKitError) as exc:
        raise FileUnwritable(file=path, reason=str(exc)) from exc
    click.echo(f"Written to {path}.")


def with_account(text: str, account: Account, name: str = "") -> str:
    """The settings file with the account in it; all else, comments too, stays."""
    document = tomlkit.parse(text)
    transports = document.setdefault("transports", tomlkit.table(is_super_table=True))
    table = transports.setdefault("matrix", tomlkit.table())
    if name:
        table = table.setdefault("accounts", tomlkit.table(is_super_table=True)).setdefault(name, tomlkit.table())
    table["homeserver"], table["user"] = account.homeserver, account.user
    return tomlkit.dumps(document)
