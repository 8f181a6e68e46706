"""Whether this machine's clock is right: signatures of networks, tokens and certificates depend on it."""

from __future__ import annotations

import ctypes
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from email.utils import parsedate_to_datetime

from bot.checks.base import Check

NAME = "clock"
FIX = "sudo timedatectl set-ntp true"
TOLERATED = 60.0  # seconds; Slack refuses signatures that are older than 300
PATIENCE = 5.0  # seconds for one server to answer
_TIME_ERROR = 5  # adjtimex(2): the kernel's clock is not synchronised
_TIMEX = 512  # bytes: more than struct timex has anywhere; zeroes in it ask and change nothing


def check(servers: Sequence[str]) -> Check:
    """`servers`: base URLs of networks that are set up, whose Date header is asked for; no others are."""
    for server in servers:
        if (skew := _skew(server)) is not None:
            return _judged(skew, server)
    synchronised = _is_synchronised()
    if synchronised is None:
        return Check(NAME, True, "not known whether it is synchronised: this system does not say")
    if not synchronised:
        return Check(NAME, True, "not synchronised over the network, as far as the kernel knows", FIX)
    return Check(NAME, True, "synchronised over the network")


def _judged(skew: float, server: str) -> Check:
    """`skew`: seconds that our clock is ahead."""
    if abs(skew) <= TOLERATED:
        return Check(NAME, True, f"within {TOLERATED:.0f} s of {server}")
    which = "ahead of" if skew > 0 else "behind"
    return Check(NAME, False, f"{abs(skew):.0f} s {which} {server}", FIX)


def _skew(server: str) -> float | None:
    """None: no answer, or none with a date."""
    date = _date(server)
    if not date:
        return None
    try:
        return time.time() - parsedate_to_datetime(date).timestamp()
    except ValueError:
        return None


def _date(server: str) -> str | None:
    if not server.startswith(("https://", "http://")):
        return None
    try:
        request = urllib.request.Request(server, method="HEAD", headers={"User-Agent": "tugbot"})
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return str(answer.headers.get("Date", ""))
    except urllib.error.HTTPError as exc:
        with exc:
            return str(exc.headers.get("Date", ""))  # a refusal has a date too
    except (OSError, ValueError):
        return None


def _is_synchronised() -> bool | None:
    if sys.platform != "linux":
        return None
    try:
        state = int(ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(_TIMEX)))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _TIME_ERROR
