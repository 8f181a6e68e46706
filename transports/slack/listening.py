"""What Slack delivers, by slack-bolt: each event is handed in, and acknowledged only after its commit."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from transports.slack import reading
from transports.slack.model import API, Me
from transports.slack.reading import Commanded, Read

log = logging.getLogger(__name__)
# It repeats whole requests where it fails. We say what matters.
logging.getLogger("slack_bolt").setLevel(logging.CRITICAL)
_quiet = logging.getLogger("transports.slack.bolt")
_quiet.setLevel(logging.CRITICAL)

COMMAND = "/tugbot"
BUTTON = re.compile(r"^tugbot:")

# Hands one event in, until its commit. What a slash command is answered at once, to its sender alone; "": nothing.
# Whatever it raises keeps the event from being acknowledged, so that Slack delivers it again.
Take: TypeAlias = Callable[[Read], Awaitable[str]]


def bolt_app(me: Callable[[], Me], take: Take, *, api: str = API, signing_secret: str = "") -> AsyncApp:
    """`me` raises where it is not known yet: nothing is acknowledged then."""

    async def authorize() -> AuthorizeResult:
        # Bolt's own way asks Slack, and *acknowledges* the event where that fails: it would be lost.
        known = me()
        return AuthorizeResult(
            enterprise_id=None, team_id=known.team, bot_token="-", bot_id=known.bot, bot_user_id=known.user
        )

    app = AsyncApp(
        name=_quiet.name,  # it silences the logger of this name as well
        logger=_quiet,
        client=AsyncWebClient(base_url=api),
        authorize=authorize,
        signing_secret=signing_secret,
        process_before_response=True,
    )

    async def on_event(body: dict[str, Any]) -> None:
        known = me()
        if reading.is_for(body, known.team):
            await _handed(reading.event(body, known.user), take)

    async def on_button(body: dict[str, Any], ack: AsyncAck) -> None:
        await _handed(reading.pressed(body), take)
        await ack()

    async def on_command(body: dict[str, Any], ack: AsyncAck) -> None:
        await ack(await _handed(reading.commanded(body), take) or "Taken; the answer comes here.")

    app.event(re.compile(".*"))(on_event)  # all: what nobody takes is never acknowledged, and comes three times more
    app.action(re.compile(".*"))(on_button)
    app.command(COMMAND)(on_command)
    app.error(_failed)
    return app


async def _handed(said: Read | None, take: Take) -> str:
    if said is None:
        return ""
    answer = await take(said)
    return answer if isinstance(said, Commanded) else ""


async def _failed(error: Exception, body: Mapping[str, Any]) -> BoltResponse:
    log.warning("an event of Slack's (%s) was not taken: %s", body.get("event_id") or body.get("type"), error)
    return BoltResponse(status=503, body="")
