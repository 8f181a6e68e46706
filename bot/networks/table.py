"""All chat networks as this start sees them, by the names of their transports."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bot.networks import matrix, slack
from bot.networks.errors import TransportUnknown
from bot.settings import Settings
from transports import web
from transports.base import Keepsakes, Transport

CONSOLE = "console"
WEB = web.NAME


def names(settings: Settings) -> tuple[str, ...]:
    """Transports that are set up, beside the console."""
    return (*matrix.accounts(settings), *slack.accounts(settings))


def check(settings: Settings, wanted: tuple[str, ...], data: Path, environ: Mapping[str, str]) -> None:
    """Before anything is begun. `wanted`: (): all. Raises TransportUnknown, and what the networks' own checks raise."""
    known = (CONSOLE, *names(settings), WEB)
    for name in wanted:
        if name not in known:
            raise TransportUnknown(name=name, names=", ".join(known))
    chosen = wanted or known
    in_matrix = [account for name, account in matrix.accounts(settings).items() if name in chosen]
    matrix.check(settings, in_matrix, data, environ)
    for name, app in slack.accounts(settings).items():
        if name in chosen:
            slack.check(app, data, environ)


def called(settings: Settings, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Which of this start's transports are called over HTTP, and so need the gateway.

    The page is one where it was asked for by name; else it is there where the gateway is.
    """
    apps = slack.accounts(settings)
    called = tuple(name for name, app in apps.items() if app.mode == "http" and name in (wanted or apps))
    return (*called, WEB) if WEB in wanted else called


def watched(settings: Settings, wanted: tuple[str, ...], *, at_console: bool) -> bool:
    """Whether people talk to this start who may want to look at its page. `at_console`: where it has a console."""
    chosen = wanted or (CONSOLE, *names(settings))
    return any(name != CONSOLE or at_console for name in chosen)


def hosting(settings: Settings) -> frozenset[str]:
    """Transports where each new project gets a room of its own."""
    return frozenset(matrix.accounts(settings) if settings.transports.matrix.room_per_project else ())


def build(name: str, settings: Settings, data: Path, environ: Mapping[str, str], keepsakes: Keepsakes) -> Transport:
    """One of `names` that `check` has let pass."""
    if app := slack.accounts(settings).get(name):
        return slack.build(settings, app, data, environ, keepsakes)
    return matrix.build(settings, matrix.accounts(settings)[name], data, environ, keepsakes)
