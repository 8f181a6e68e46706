"""`tugbot init slack`: print the app's manifest, verify and keep its tokens, write the settings."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import urlsplit

import click
import tomlkit

from bot import datadir
from bot.cli_init import asking, writing
from bot.errors import UserError
from bot.networks import slack
from bot.networks.slack import Place
from bot.options import RunOptions
from bot.secrets import Secrets
from bot.settings import Settings, load
from bot.settings.reading import DEFAULT_FILE, config_file
from transports.base import PermanentFailure, TemporaryFailure
from transports.slack import manifest, tokens

if TYPE_CHECKING:
    from transports.slack.signin import App

T = TypeVar("T")
Mode = Literal["socket", "http"]

ATTEMPTS = 5  # of a person, at one token

_BEGIN = """\
1. Open https://api.slack.com/apps → Create New App → From a manifest, choose the workspace, take JSON, and paste:
"""
_THEN = """
2. Install App → Install to Workspace.
"""
_SOCKET = """\
3. Basic Information → App-Level Tokens → Generate Token and Scopes, with the scope `connections:write`.
"""
_HTTP = """\
3. Let your proxy hand {url} on to http://{listen}{path}. Slack verifies the address while Tugbot runs:
   Event Subscriptions → Retry.
"""


class AddressUnusable(UserError):
    """{url} is no address that Slack can call: give https and a host, such as https://tugbot.example.org."""


class TokenRefused(UserError):
    """The {what} was refused: {reason}. Nothing was stored."""


def print_manifest(http: str) -> None:
    """That alone, for a pipe. Raises AddressUnusable."""
    click.echo(manifest.as_json(checked(http)))


def set_up(options: RunOptions, http: str, *, yes: bool) -> None:
    """Show how the app is made, verify its tokens, keep them, and write the settings where the person agrees."""
    http = checked(http)
    mode: Mode = "http" if http else "socket"
    settings = load(options.config, os.environ, overrides=options.overrides())
    api = slack.api(os.environ)
    click.echo(_how(http, settings))
    given = {place: _asked(place) for place in slack.needed(mode)}
    app = _verified(given, api)
    data = datadir.prepare(settings.data_dir)
    _keep(data, given)
    click.echo(f"Verified: {app.name} in {app.team_name} ({app.team}). What you gave is kept in {data}.")
    _warn(app)
    change = partial(with_workspace, team=app.team, mode=mode)
    writing.offer(config_file(options.config) or DEFAULT_FILE, _shown(app.team, mode), change, yes=yes)
    click.echo(_next(app.name))


def checked(http: str) -> str:
    """Without a slash at its end. Raises AddressUnusable."""
    if not http:
        return ""
    try:
        parts = urlsplit(http)
        fits = (
            parts.scheme == "https" and bool(parts.hostname) and not (parts.username or parts.query or parts.fragment)
        )
    except ValueError:
        fits = False
    if not fits or not http.isprintable() or " " in http:
        raise AddressUnusable(url=http)
    return http.rstrip("/").removesuffix(manifest.PATH)


def _how(http: str, settings: Settings) -> str:
    gateway = settings.gateway
    listen = f"[{gateway.listen}]" if ":" in gateway.listen else gateway.listen
    last = _HTTP.format(url=f"{http}{manifest.PATH}", listen=f"{listen}:{gateway.port}", path=manifest.PATH)
    return f"{_BEGIN}\n{manifest.as_json(http)}\n{_THEN}{last if http else _SOCKET}"


# ---------------------------------------------------------------- tokens


def _asked(place: Place) -> str:
    """What looks right. A person may try again. Raises TokenRefused."""
    kind = place.kind
    for _ in range(ATTEMPTS):
        value = asking.secret(f"{kind.name[0].upper()}{kind.name[1:]} ({kind.looks}; {kind.where})").strip()
        reason = tokens.complaint(value, kind)
        if not reason:
            return value
        if not asking.somebody():
            break
        click.echo(f"{reason[0].upper()}{reason[1:]}.", err=True)
    raise TokenRefused(what=kind.name, reason=reason)


def _verified(given: Mapping[Place, str], api: str) -> App:
    """The signing secret cannot be tried: only what Slack signs shows whether it is right. Raises TokenRefused."""
    from transports.slack.signin import verify, verify_app_token

    app = _tried(slack.BOT, verify(given[slack.BOT], api))
    if slack.APP in given:
        _tried(slack.APP, verify_app_token(given[slack.APP], app, api))
    return app


def _tried(place: Place, trial: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(trial)
    except (TemporaryFailure, PermanentFailure) as exc:
        raise TokenRefused(what=place.kind.name, reason=str(exc)) from exc


def _keep(data: Path, given: Mapping[Place, str]) -> None:
    secrets = Secrets(data)
    for place, value in given.items():
        secrets.set(slack.SLACK, place.secret, value)


def _warn(app: App) -> None:
    from transports.slack.signin import lacks

    if said := lacks(app.missing):
        click.echo(f"\nBut {said}. `tugbot doctor` looks again.", err=True)


# ---------------------------------------------------------------- bot.toml


def _shown(team: str, mode: Mode) -> str:
    return f'[transports.slack]\nteam = "{team}"\nmode = "{mode}"'


def with_workspace(text: str, team: str, mode: Mode) -> str:
    """The settings file with the workspace in it; all else, comments too, stays."""
    document = tomlkit.parse(text)
    table = writing.transport_table(document, "slack")
    table["team"], table["mode"] = team, mode
    return tomlkit.dumps(document)


def _next(name: str) -> str:
    return (
        f"\nNext: `tugbot run`. It prints a pairing code; open a direct message with {name} in Slack and send it "
        f"`pair <code>`. In a channel: `/invite @{name}`, then mention it. `tugbot doctor` checks the connection."
    )
