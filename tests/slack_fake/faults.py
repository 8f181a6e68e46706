"""Faults of the Web API, on demand: `slack.fail("chat.postMessage", rate_limited(2), None, taken_but(status(500)))`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from tests.slack_fake.model import Json


@dataclass(frozen=True, slots=True)
class Fault:
    kind: Literal["answer", "hang", "drop"]
    status: int = 200
    body: Json | str = ""
    headers: dict[str, str] = field(default_factory=dict)
    after: bool = False  # the call takes effect first: only its answer is lost


def error(name: str, **extra: Any) -> Fault:
    return Fault("answer", 200, {"ok": False, "error": name, **extra})


def rate_limited(seconds: float = 1) -> Fault:
    return Fault("answer", 429, {"ok": False, "error": "ratelimited"}, {"Retry-After": f"{seconds:g}"})


def status(code: int, body: str = "upstream connect error") -> Fault:
    return Fault("answer", code, body)


def hang() -> Fault:
    """No answer at all, until the client has had enough."""
    return Fault("hang")


def drop() -> Fault:
    """The connection breaks."""
    return Fault("drop")


def taken_but(fault: Fault) -> Fault:
    """The call took effect, and this is what the client gets to see."""
    return replace(fault, after=True)
