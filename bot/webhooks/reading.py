"""From a request's bytes to a Happening. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping

from bot.webhooks import github, gitlab
from bot.webhooks.events import KNOWN
from bot.webhooks.model import Happening, Kind
from bot.webhooks.payload import Payload

_JSON = "application/json"


class Unreadable(Exception):
    """A message that a forge signed, and that is none of a form we know."""

    def __init__(self, status: int, word: str, hint: str = "") -> None:
        super().__init__(word)
        self.status = status
        self.word = word
        self.hint = hint  # shown in the forge's list of deliveries


def parsed(headers: Mapping[str, str], body: bytes) -> Payload:
    """Raises Unreadable."""
    if headers.get("content-type", "").partition(";")[0].strip().lower() != _JSON:
        raise Unreadable(415, "unsupported_type", f"Set the webhook's content type to {_JSON}.")
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as exc:  # no UTF-8, no JSON, a number or a depth beyond Python's own bounds
        raise Unreadable(400, "bad_request") from exc
    if not isinstance(found, dict):
        raise Unreadable(400, "bad_request")
    return Payload(found)


def is_ping(kind: Kind, headers: Mapping[str, str]) -> bool:
    return kind != "gitlab" and github.is_ping(headers)


def happened(kind: Kind, headers: Mapping[str, str], payload: Payload) -> Happening | None:
    """None: it is nothing that can be spoken of."""
    found = gitlab.read(payload) if kind == "gitlab" else github.read(headers, payload)
    return found if found is not None and found.event in KNOWN[kind] else None
