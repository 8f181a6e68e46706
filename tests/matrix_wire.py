"""The client-server API of Matrix as plain HTTP: one call at a time, no SDK."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

Json = dict[str, Any]
Query = Mapping[str, str | int]

TIMEOUT = 40.0  # seconds; longer than any long poll of ours


class Refused(Exception):
    """What the homeserver answered in place of a result."""

    def __init__(self, status: int, body: bytes) -> None:
        self.status = status
        try:
            self.body: Json = json.loads(body)
        except ValueError:
            self.body = {"error": body.decode(errors="replace")}
        self.code: str = self.body.get("errcode", "")
        self.retry_after: float = self.body.get("retry_after_ms", 0) / 1000  # seconds
        super().__init__(f"{status} {self.code}: {self.body.get('error')}")


@dataclass(frozen=True, slots=True)
class Wire:
    port: int
    token: str = ""

    def call(
        self, method: str, path: str, body: Json | None = None, *, query: Query | None = None, patience: float = TIMEOUT
    ) -> Json:
        """`path` without its /_matrix/client/v3. Raises Refused, OSError, http.client.HTTPException."""
        content = None if body is None and method == "GET" else json.dumps(body or {}).encode()
        answer = self.raw(method, path, content, "application/json", query=query, patience=patience)
        return dict(json.loads(answer))

    def raw(
        self,
        method: str,
        path: str,
        content: bytes | None = None,
        kind: str = "",
        *,
        query: Query | None = None,
        patience: float = TIMEOUT,
    ) -> bytes:
        """`kind` is the content's type."""
        path = path if path.startswith("/_") else f"/_matrix/client/v3{path}"
        authorised = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=patience)
        try:
            target = f"{path}?{urlencode(query)}" if query else path
            connection.request(method, target, content, {"Content-Type": kind, **authorised})
            response = connection.getresponse()
            answer = response.read()
            if response.status != 200:
                raise Refused(response.status, answer)
            return answer
        finally:
            connection.close()


def part(text: str) -> str:
    """A room id, an event id, … as one segment of a path."""
    return quote(text, safe="")
