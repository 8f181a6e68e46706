"""`tugbot hook`: the secret that a forge signs with. A running bot takes it at once."""

from __future__ import annotations

import os
import sys

import click

from bot import datadir, forges
from bot.errors import UserError
from bot.forges import SECRET, HookUnknown
from bot.options import RunOptions
from bot.secrets import MAX_BYTES, Secrets, hook_scope
from bot.settings import Settings, load
from bot.webhooks import signatures
from bot.webhooks.model import FORGES, Webhook

SHORTEST = 16  # characters of a secret that comes from somewhere else


class HookSecretExists(UserError):
    """The hook {name} has a secret, which the forge uses. `tugbot hook secret {name} --replace` makes another; the one there is counts no more then."""  # noqa: E501


class HookSecretWeak(UserError):
    """The secret was not stored: it must have at least {least} characters, all of them printable, without blanks."""


def secret(options: RunOptions, name: str, *, replace: bool, given: bool) -> None:
    """The secret goes to standard output, everything else to standard error."""
    settings = load(options.config, os.environ, overrides=options.overrides())
    hook = _hook(settings, name)
    secrets = Secrets(datadir.prepare(settings.data_dir))
    if not replace and secrets.read(hook_scope(name)).get(SECRET):
        raise HookSecretExists(name=name)
    value = _given() if given else signatures.make()
    secrets.set(hook_scope(name), SECRET, value)
    click.echo(_instructions(settings, hook, shown=not given), err=True)
    if not given:
        click.echo(value)
    if os.environ.get(variable := forges.variable(name)):
        click.echo(f"The environment variable {variable} comes first, where it is set.", err=True)


def _hook(settings: Settings, name: str) -> Webhook:
    known = forges.hooks(settings)
    if name not in known:
        there = f"There are: {', '.join(known)}." if known else "Add a table [hooks.<name>] to bot.toml first."
        raise HookUnknown(name=name, hint=there)
    return known[name]


def _given() -> str:
    """Typed, or from standard input; never an argument, which other users see."""
    if sys.stdin.isatty():
        value = str(click.prompt("Secret (not shown)", hide_input=True, err=True))
    else:
        value = sys.stdin.buffer.read(MAX_BYTES).decode(errors="replace").rstrip("\r\n")
    if len(value) < SHORTEST or not value.isascii() or not value.isprintable() or " " in value:
        raise HookSecretWeak(least=SHORTEST)
    return value


def _instructions(settings: Settings, hook: Webhook, *, shown: bool) -> str:
    own = settings.gateway
    home = f"https://{own.public_host}" if own.public_host else f"http://127.0.0.1:{own.port}"
    lines = [
        f"At {FORGES[hook.kind]}, add a webhook:",
        f"  address       {home}{hook.path}",
        "  content type  application/json",
        f"  events        {', '.join(sorted(hook.events))}",
    ]
    if not own.public_host:
        lines.append(
            "That address is this machine's own. Where the forge is elsewhere, let a proxy with TLS lead there, and "
            "name it in `gateway.public_host`."
        )
    if hook.kind == "gitlab":
        lines.append("GitLab takes it as signing token, or where it has none yet, as secret token.")
    last = "Its secret, shown this once:" if shown else "Its secret is stored."
    return "\n".join([*lines, last])
