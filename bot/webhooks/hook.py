"""POST /hooks/{name}: a forge's message, verified, put into words and handed in like any chat's.

A transports.base.Hook. Answered once it is on the disk (P1), under the name of its event (P2).
"""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable

from bot.webhooks import reading, signatures, words
from bot.webhooks.model import FORGES, HOOK, Happening, Webhook
from bot.webhooks.rate import Rate
from dispatcher.model import StoreUnavailable
from transports.base import Ack, HookRequest, HookResponse, Inbound

log = logging.getLogger(__name__)

COMPLAINT = 3600.0  # seconds between two warnings about requests that nobody signed
AGAIN = "30"  # seconds; the store is to be written again by then
_TYPE = {"Content-Type": "application/json"}


class WebhookEntrance:
    """One hook's path, for as long as the bot lives."""

    def __init__(
        self,
        hook: Webhook,
        secret: Callable[[], str],  # "": there is none at this moment
        receive: Callable[[Inbound], Awaitable[Ack]],
        say: Callable[[str, str], None],  # target and text, shown without the outbox
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.hook = hook
        self.outcomes: Counter[str] = Counter()  # of requests since the start
        self._secret = secret
        self._receive = receive
        self._say = say
        self._clock = clock
        self._rate = Rate(clock)
        self._complained = float("-inf")

    async def answer(self, request: HookRequest) -> HookResponse:
        """Nothing of the body is read before its signature is verified. Never raises for what was sent."""
        outcome, response = await self._answer(request)
        self.outcomes[outcome] += 1
        return response

    async def _answer(self, request: HookRequest) -> tuple[str, HookResponse]:
        secret = self._secret()
        if not secret:
            return "off", _refusal(404, "not_found")
        if request.method != "POST":
            return "refused", _refusal(405, "method_not_allowed", Allow="POST")
        if not signatures.is_signed(self.hook.kind, request.headers, request.body, secret):
            self._complain(request.remote)
            return "unsigned", _refusal(401, "unauthorized")
        try:
            payload = reading.parsed(request.headers, request.body)
        except reading.Unreadable as exc:
            return "refused", _refusal(exc.status, exc.word, exc.hint)
        if reading.is_ping(self.hook.kind, request.headers):
            return "ignored", _answered(200, "pong")
        happening = reading.happened(self.hook.kind, request.headers, payload)
        if happening is None or happening.event not in self.hook.events:
            return "ignored", _answered(200, "ignored")
        return await self._taken(happening, request)

    async def _taken(self, happening: Happening, request: HookRequest) -> tuple[str, HookResponse]:
        if wait := self._rate.wait():
            return "too_many", _refusal(429, "too_many_requests", **{"Retry-After": str(wait)})
        name = signatures.event_id(self.hook.kind, request.headers, request.body)
        try:
            ack = await self._receive(self._inbound(happening, name))
        except StoreUnavailable as exc:
            log.warning("a message for the hook %s was not taken: %s", self.hook.name, exc)
            return "unavailable", _refusal(503, "unavailable", **{"Retry-After": AGAIN})
        if ack.status == "accepted":
            log.info("the hook %s: %s is message %s", self.hook.name, happening.event, ack.id)
            self._show(happening)
        # What was refused (too much waits, no project) has its notice in the chat; sent again it would be a duplicate.
        return ack.status, _answered(202, ack.status)

    def _inbound(self, happening: Happening, event_id: str) -> Inbound:
        hook = self.hook
        return Inbound(
            session=hook.session,
            transport=HOOK,
            account=f"{HOOK}/{hook.name}",
            event_id=event_id,
            sender=hook.name,
            sender_name=f"{hook.name} ({FORGES[hook.kind]})",
            text=words.message(hook, happening),
            target=hook.session,  # not where somebody was answered last: that may be a thread about something else
            addressed=True,
        )

    def _show(self, happening: Happening) -> None:
        """What the chat did not hear. On the page the message itself is shown."""
        if not self.hook.session.startswith("web/"):
            self._say(self.hook.session, words.line(self.hook, happening))

    def _complain(self, remote: str) -> None:
        """Strangers can send as many as they like; a wrong secret has to be seen, but once."""
        if self._clock() - self._complained >= COMPLAINT:
            self._complained = self._clock()
            log.warning(
                "a request from %s to the hook %s was refused: it is not signed with its secret. Further ones are not "
                "told for an hour.",
                remote,
                self.hook.name,
            )


def _answered(status: int, word: str) -> HookResponse:
    return HookResponse(status, json.dumps({"status": word}).encode(), _TYPE)


def _refusal(status: int, word: str, hint: str = "", **headers: str) -> HookResponse:
    said = {"error": word, **({"message": hint} if hint else {})}
    return HookResponse(status, json.dumps(said).encode(), {**_TYPE, **headers})
