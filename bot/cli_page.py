"""`tugbot page`: a link to the page of the bot that runs on this machine, for whoever may read its data directory."""

from __future__ import annotations

import os

import click

from bot import consoles, datadir
from bot.access import CONSOLE, Account, words
from bot.access.invitations import Invitations
from bot.errors import UserError
from bot.gateway import hosts
from bot.gateway.model import Address
from bot.options import RunOptions
from bot.settings import load


class PageOff(UserError):
    """This bot has no page: set `enabled = "on"` under `[gateway]`, and start it again."""


class PortUnknown(UserError):
    """Where the page is, is not known: `[gateway] port` is 0, a free one at each start. Set a number there."""


class LinkUnwritable(UserError):
    """The link cannot be stored: {reason}."""


def show(options: RunOptions) -> None:
    """The link goes to standard output, everything else to standard error."""
    settings = load(options.config, os.environ, overrides=options.overrides())
    own = settings.gateway
    if own.enabled == "off":
        raise PageOff
    if own.port == 0:
        raise PortUnknown
    name = consoles.user_name()
    try:
        key = Invitations(datadir.prepare(settings.data_dir)).make(Account(CONSOLE, name), name)
    except OSError as exc:
        raise LinkUnwritable(reason=datadir.reason(exc)) from exc
    click.echo(words.PAGE_LINK_MADE, err=True)
    click.echo(hosts.login(Address(own.listen, own.port, own.behind_proxy, own.public_host), own.port, key))
