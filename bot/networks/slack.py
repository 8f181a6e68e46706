"""The app in Slack: whether it is set up, its tokens, its transport."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from bot.networks.errors import ApiRefused, TokenMisplaced, TokenMissing
from bot.secrets import Secrets
from bot.settings import Settings
from transports.base import Keepsakes, Transport
from transports.slack import tokens
from transports.slack.model import API, Account, Policy
from transports.slack.tokens import Kind

SLACK = "slack"  # the transport's name, and its scope of secrets
API_VARIABLE = "TUGBOT_SLACK_API"  # for tests: another base URL of the Web API


@dataclass(frozen=True, slots=True)
class Place:
    """Where a token of the app is kept."""

    kind: Kind
    secret: str  # name in the scope of secrets
    variable: str  # of the environment; comes first


BOT = Place(tokens.BOT, "BOT_TOKEN", "TUGBOT_SLACK_BOT_TOKEN")
APP = Place(tokens.APP, "APP_TOKEN", "TUGBOT_SLACK_APP_TOKEN")
SIGNING = Place(tokens.SECRET, "SIGNING_SECRET", "TUGBOT_SLACK_SIGNING_SECRET")


@dataclass(frozen=True, slots=True)
class SlackAccount:
    """The app that is set up."""

    transport: str
    team: str
    mode: Literal["socket", "http"]


def accounts(settings: Settings) -> Mapping[str, SlackAccount]:
    """By the transport's name."""
    own = settings.transports.slack
    return {SLACK: SlackAccount(SLACK, own.team, own.mode)} if own.team else {}


def needed(mode: Literal["socket", "http"]) -> tuple[Place, ...]:
    """The tokens of an app whose events come this way."""
    return (BOT, APP) if mode == "socket" else (BOT, SIGNING)


def signed_in(account: SlackAccount, data: Path, environ: Mapping[str, str]) -> Account:
    """With all tokens that its mode needs. Raises TokenMissing, TokenMisplaced, ApiRefused."""
    stored = Secrets(data).read(SLACK)
    found = {
        place: environ.get(place.variable, "").strip() or stored.get(place.secret, "") for place in needed(account.mode)
    }
    if lacking := [place for place, value in found.items() if not value]:
        raise _missing(account, lacking)
    for place, value in found.items():
        if reason := tokens.complaint(value, place.kind):
            raise TokenMisplaced(where=_where(place, environ), reason=reason)
    return Account(found[BOT], found.get(APP, ""), found.get(SIGNING, ""), api(environ), account.team)


def _missing(account: SlackAccount, places: list[Place]) -> TokenMissing:
    return TokenMissing(
        what=" and no ".join(place.kind.name for place in places),
        whom=f"Slack ({account.team})",
        network=SLACK,
        option=" --http URL" if account.mode == "http" else "",
        variable=" and ".join(place.variable for place in places),
    )


def _where(place: Place, environ: Mapping[str, str]) -> str:
    return place.variable if environ.get(place.variable, "").strip() else f"The stored {place.kind.name}"


def check(account: SlackAccount, data: Path, environ: Mapping[str, str]) -> None:
    """Raises TokenMissing, TokenMisplaced, ApiRefused."""
    signed_in(account, data, environ)


def api(environ: Mapping[str, str]) -> str:
    """Base URL of the Web API. Raises ApiRefused."""
    given = environ.get(API_VARIABLE, "").strip()
    if not given:
        return API
    if not _is_safe(given):
        raise ApiRefused(variable=API_VARIABLE)
    return given.rstrip("/") + "/"


def _is_safe(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(host)
    return parts.scheme == "http" and _is_loopback(host)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def build(
    settings: Settings, account: SlackAccount, data: Path, environ: Mapping[str, str], keepsakes: Keepsakes
) -> Transport:
    """What `check` has let pass."""
    own = signed_in(account, data, environ)
    policy = Policy(max_file=settings.transports.slack.max_file)
    return _assembled(own, policy, account, data / "files" / account.transport, keepsakes)


def _assembled(own: Account, policy: Policy, account: SlackAccount, files: Path, keepsakes: Keepsakes) -> Transport:
    """The transport and its connection: Socket Mode, or what Slack calls through the gateway."""
    from transports.slack.client import SdkWorkspace
    from transports.slack.http import SignedHttp
    from transports.slack.listening import bolt_app
    from transports.slack.socket import SocketMode
    from transports.slack.transport import SlackTransport

    workspace = SdkWorkspace(own)
    transport = SlackTransport(workspace, keepsakes, files, policy, name=account.transport)
    app = bolt_app(lambda: workspace.me, transport.take, api=own.api, signing_secret=own.signing_secret)
    if account.mode == "http":
        transport.connect(SignedHttp(app, own.signing_secret))
    else:
        transport.connect(SocketMode(app, own.app_token, own.api))
    return transport
