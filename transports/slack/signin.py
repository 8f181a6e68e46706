"""Verifying an app's tokens, once: whose they are, and what the app may do with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from transports.base import Disconnected, PermanentFailure, TemporaryFailure
from transports.slack.answers import failure
from transports.slack.manifest import APP_LEVEL, Need, missing
from transports.slack.model import API
from transports.slack.tokens import APP, BOT, app_of, complaint

TIMEOUT = 15  # seconds
SCOPES = "x-oauth-scopes"  # header of every answer: what the token may do


@dataclass(frozen=True, slots=True)
class App:
    """Whose bot token it is."""

    team: str  # "T0123ABC"
    team_name: str
    name: str  # the bot's user name
    missing: tuple[Need, ...]  # scopes that it was not granted
    id: str = ""  # of the app, "A0123ABC"; "": Slack does not say


async def verify(token: str, api: str = API) -> App:
    """The bot token. Raises PermanentFailure where it is nobody's, TemporaryFailure."""
    if wrong := complaint(token, BOT):
        raise PermanentFailure(wrong)
    said, headers = await _asked("auth.test", token, api)
    if not said.get("bot_id"):
        raise PermanentFailure("this is no token of a bot")
    granted = headers.get(SCOPES)
    lacking = () if granted is None else tuple(missing({each.strip() for each in granted.split(",")}))
    app = await _app(_text(said, "bot_id"), token, api)
    return App(_text(said, "team_id"), _text(said, "team"), _text(said, "user"), lacking, app)


async def verify_app_token(token: str, app: App, api: str = API) -> None:
    """That Socket Mode can be had with it, for this app: a connection is asked for and not made.

    Raises PermanentFailure, TemporaryFailure.
    """
    if wrong := complaint(token, APP):
        raise PermanentFailure(wrong)
    await _asked("apps.connections.open", token, api)
    # Two apps that are mixed up can both sign in: one would be spoken to, the other listened to.
    if app.id and (other := app_of(token)) and other != app.id:
        raise PermanentFailure(f"it is of the app {other}, but the bot token is of the app {app.id}")


async def _app(bot: str, token: str, api: str) -> str:
    """Its id, as far as the scopes let us ask."""
    try:
        said, _ = await _asked("bots.info", token, api, {"bot": bot})
    except (PermanentFailure, TemporaryFailure):
        return ""
    found = said.get("bot")
    return _text(found, "app_id") if isinstance(found, Mapping) else ""


def lacks(needs: Sequence[Need]) -> str:
    """Which scopes and events are missing, and what to do about it; "": none."""
    if not needs:
        return ""
    listed = [f"`{need.scope}` (to {need.why}{_events(need)})" for need in needs]
    scopes = f"the app lacks {_plural('the scope', len(needs))} {', '.join(listed)}"
    events = [event for need in needs for event in need.events]
    where = "Add under OAuth & Permissions → Bot Token Scopes"
    if events:
        where += ", and the events under Event Subscriptions → Subscribe to bot events"
    return f"{scopes}. {where}; then install the app anew"


def _events(need: Need) -> str:
    return f": {_plural('event', len(need.events))} {' and '.join(need.events)}" if need.events else ""


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"


async def _asked(
    method: str, token: str, api: str, form: Mapping[str, str] | None = None
) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    """The answer, and its headers with names in small letters."""
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT), trust_env=True) as session:
            client = AsyncWebClient(token, base_url=api, session=session, retry_handlers=[])
            answer = await client.api_call(method, data=dict(form or {}))
    except SlackApiError as exc:
        raise _refusal(method, exc) from exc
    except (TimeoutError, aiohttp.ClientError, OSError, SlackClientError) as exc:
        raise TemporaryFailure(f"Slack cannot be reached ({str(exc)[:200] or type(exc).__name__})") from exc
    said = answer.data if isinstance(answer.data, Mapping) else {}
    return said, {name.lower(): str(value) for name, value in answer.headers.items()}


def _refusal(method: str, exc: SlackApiError) -> Exception:
    response = exc.response
    data = getattr(response, "data", None)
    said = data if isinstance(data, Mapping) else {}
    status = int(getattr(response, "status_code", 0) or getattr(response, "status", 0) or 0)
    if said.get("error") == "missing_scope" and method in APP_LEVEL:
        return PermanentFailure(f"the app-level token lacks the scope `{APP_LEVEL[method]}`: make another one with it")
    cause = failure(method, status, said, "")
    return PermanentFailure(str(cause)) if isinstance(cause, Disconnected) else cause


def _text(said: Mapping[str, Any], key: str) -> str:
    return str(said.get(key) or "")[:200]
