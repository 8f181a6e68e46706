"""Signed HTTP: what Slack POSTs to an app's request URLs.

https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import aiohttp

from tests.slack_fake.model import SIGNING_SECRET, Attempt, Delivery, Outcome


def signature(secret: str, timestamp: str, body: bytes) -> str:
    base = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


class Requests:
    """Way over HTTP. `urls`: where events_api, interactive and slash_commands go."""

    def __init__(self, urls: Mapping[str, str], secret: str = SIGNING_SECRET) -> None:
        self.urls = dict(urls)
        self.secret = secret
        self.age = 0.0  # seconds that timestamps lie behind
        self._session: aiohttp.ClientSession | None = None

    async def attempt(self, delivery: Delivery, attempt: Attempt, patience: float) -> Outcome:
        headers = {"X-Slack-Retry-Num": str(attempt.number), "X-Slack-Retry-Reason": attempt.reason}
        attempt.sent = time.monotonic()
        body, content_type = _body(delivery)
        try:
            async with asyncio.timeout(patience):
                status, answered, answer = await self.post(
                    self.urls[delivery.kind], body, content_type, headers if attempt.number else {}
                )
        except TimeoutError:
            return Outcome(acked=False, reason="http_timeout")
        except aiohttp.ClientError:
            return Outcome(acked=False, reason="connection_failed")
        if 200 <= status < 300:
            attempt.acked = time.monotonic()
            return Outcome(acked=True, answer=_read(answer))
        return Outcome(acked=False, reason="http_error", final=answered.get("X-Slack-No-Retry") == "1")

    async def verify(self) -> bool:
        """Whether the events' URL answers the challenge, as Slack asks it to when the URL is entered."""
        challenge = {"token": "legacy-verification-token", "challenge": "3eZbrw1aB", "type": "url_verification"}
        status, _, answer = await self.post(self.urls["events_api"], json.dumps(challenge).encode(), "application/json")
        said = _read(answer)
        return status == 200 and (said == {"challenge": "3eZbrw1aB"} or said == "3eZbrw1aB")

    async def post(
        self, url: str, body: bytes, content_type: str, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and body of the answer to a signed request."""
        if self._session is None:
            self._session = aiohttp.ClientSession()
        timestamp = str(int(time.time() - self.age))
        signed = {
            "Content-Type": content_type,
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": signature(self.secret, timestamp, body),
        }
        async with self._session.post(
            url, data=body, headers={**signed, **(headers or {})}, allow_redirects=False
        ) as response:
            return response.status, dict(response.headers), await response.read()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


def _body(delivery: Delivery) -> tuple[bytes, str]:
    form = "application/x-www-form-urlencoded"
    if delivery.kind == "interactive":
        return urlencode({"payload": json.dumps(delivery.payload)}).encode(), form
    if delivery.kind == "slash_commands":
        return urlencode(delivery.payload).encode(), form
    return json.dumps(delivery.payload).encode(), "application/json"


def _read(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace") or None
