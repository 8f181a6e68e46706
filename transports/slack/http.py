"""Signed HTTP: Slack calls us, through the gateway, and is answered once what it said is committed.

https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.signature import Clock, SignatureVerifier

from transports.base import Hook, HookRequest, HookResponse
from transports.slack.socket import Back

log = logging.getLogger(__name__)

PATH = "/slack/events"  # events, buttons and slash commands alike; manifest.py tells Slack
MAX_BODY = 1_000_000  # bytes; Slack's own requests are far smaller
MAX_BUSY = 256  # events that wait for their commit at the same time
COMPLAINT = 3600.0  # seconds between two warnings about requests that are not Slack's
AGE = 300.0  # seconds that a timestamp may be off, either way, as SignatureVerifier has it
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


class SignedHttp:
    """Connection, and transports.base.Hooked."""

    def __init__(
        self,
        app: AsyncApp,
        signing_secret: str,
        *,
        path: str = PATH,
        clock: Callable[[], float] = time.time,
        max_busy: int = MAX_BUSY,
    ) -> None:
        """Raises ValueError where the secret is empty: anybody could sign with that."""
        self.is_up = False
        self._app = app
        self._verifier = SignatureVerifier(signing_secret, _Clock(clock))
        self._acknowledged = _Acknowledged(clock)
        self._path = path
        self._max_busy = max_busy
        self._busy = 0
        self._clock = clock
        self._complained = float("-inf")

    @property
    def hooks(self) -> Mapping[str, Hook]:
        return {self._path: self.answer}

    async def run(self, back: Back) -> None:
        # There is no connection that could be lost: Slack calls. But nobody was here before, and it does not call for
        # ever, so what was said meanwhile is to be looked for.
        self.is_up = True
        back(float("inf"))
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.is_up = False

    async def answer(self, request: HookRequest) -> HookResponse:
        """Nothing of the body is read before its signature is verified. Never raises for what was sent."""
        if request.method != "POST":
            return HookResponse(405, _error("method_not_allowed"), {"Allow": "POST", "Content-Type": JSON})
        if len(request.body) > MAX_BODY:
            return _refusal(413, "too_large")
        if not self._is_signed(request):
            self._complain(request.remote)
            return _refusal(401, "unauthorized")
        return await self._signed(request)

    def _is_signed(self, request: HookRequest) -> bool:
        try:
            return self._verifier.is_valid_request(request.body, dict(request.headers))
        except (ValueError, TypeError, OverflowError):  # it reads timestamp, signature and body as if they were ours
            return False

    def _complain(self, remote: str) -> None:
        """Strangers can send as many as they like; a wrong secret or clock of ours has to be seen, but once."""
        if self._clock() - self._complained >= COMPLAINT:
            self._complained = self._clock()
            log.warning(
                "a request from %s was refused: it is not signed with our signing secret, or its time is more than "
                "5 minutes off this machine's clock. Further ones are not told for an hour.",
                remote,
            )

    async def _signed(self, request: HookRequest) -> HookResponse:
        signature = request.headers["x-slack-signature"]
        if signature in self._acknowledged:
            # Slack signs a retry anew, so this is somebody who overheard a request (or Slack, within the same second).
            log.warning("a request that was acknowledged before was sent again from %s", request.remote)
            return _refusal(409, "repeated")
        try:
            bolt_request = _read(request)
        except _Unreadable as exc:
            log.warning("Slack signed what cannot be read: %s", exc)
            return _refusal(exc.status, exc.code)
        if self._busy >= self._max_busy:
            return _refusal(503, "busy")
        self._busy += 1
        try:
            answer = await self._dispatched(bolt_request)
        finally:
            self._busy -= 1
        if 200 <= answer.status < 300:
            self._acknowledged.add(signature)
        return answer

    async def _dispatched(self, request: AsyncBoltRequest) -> HookResponse:
        """503 for whatever failed on our side: Slack calls again then, three times within about five minutes."""
        try:
            said = await self._app.async_dispatch(request)
        except Exception as exc:
            log.warning("an event of Slack's was not taken: %s", exc or type(exc).__name__)
            return _refusal(503, "unavailable")
        if said.status >= 500:
            return _refusal(503, "unavailable")
        return HookResponse(said.status, said.body.encode(), said.first_headers_without_set_cookie())


class _Unreadable(Exception):
    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


def _read(request: HookRequest) -> AsyncBoltRequest:
    """Raises _Unreadable."""
    text = request.body.decode()  # it is UTF-8, or its signature could not have been computed
    body = _parsed(text, request.headers.get("content-type", ""))
    try:
        # Bolt takes a form for empty where the word "payload" is anywhere in it, as in the text of a slash command. So
        # it is given JSON, and the text that it verifies once more.
        bolt_request = AsyncBoltRequest(
            body=json.dumps(body), headers={**request.headers, "content-type": JSON}, mode="http"
        )
    except Exception as exc:  # it takes much for granted about what stands where
        raise _Unreadable(400, "bad_request") from exc
    bolt_request.raw_body = text
    return bolt_request


def _parsed(text: str, content_type: str) -> dict[str, Any]:
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in (JSON, FORM):
        raise _Unreadable(415, "unsupported_type")
    try:
        fields = dict(parse_qsl(text, keep_blank_values=True)) if kind == FORM else json.loads(text)
        if kind == FORM and "payload" in fields:
            fields = json.loads(fields["payload"])
    except (ValueError, RecursionError) as exc:
        raise _Unreadable(400, "bad_request") from exc
    if not isinstance(fields, dict):
        raise _Unreadable(400, "bad_request")
    return fields


class _Acknowledged:
    """Signatures that were answered with success, for as long as they would be valid."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}  # in the order in which they end

    def __contains__(self, signature: str) -> bool:
        return signature in self._until

    def add(self, signature: str) -> None:
        now = self._clock()
        self._until[signature] = now + 2 * AGE  # a timestamp may have been as far ahead as it may be behind
        while (first := next(iter(self._until))) and self._until[first] < now:
            del self._until[first]


class _Clock(Clock):
    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock

    def now(self) -> float:
        return self._clock()


def _refusal(status: int, code: str) -> HookResponse:
    return HookResponse(status, _error(code), {"Content-Type": JSON})


def _error(code: str) -> bytes:
    return json.dumps({"error": code}).encode()
