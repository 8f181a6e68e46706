"""What an app's three secrets look like, so that one given for another is refused in words. Pure; never repeats any."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    looks: str  # for people
    where: str  # on the app's pages at api.slack.com/apps
    shape: re.Pattern[str]


BOT = Kind("bot token", "xoxb-…", "OAuth & Permissions", re.compile(r"xoxb-[A-Za-z0-9-]+"))
APP = Kind("app-level token", "xapp-…", "Basic Information → App-Level Tokens", re.compile(r"xapp-[A-Za-z0-9-]+"))
SECRET = Kind(
    "signing secret", "32 hex digits", "Basic Information → App Credentials", re.compile(r"[0-9a-f]{32}", re.ASCII)
)
KINDS = (BOT, APP, SECRET)

# What people find beside them.
_OTHERS = {
    "xoxp-": "a user token",
    "xoxe": "a token for app configuration, or one that rotates",
    "xoxc-": "a browser's token",
    "xoxd-": "a browser's cookie",
    "xoxs-": "a browser's token",
}


_OF_APP = re.compile(r"xapp-\d+-(A[A-Z0-9]+)-")  # undocumented, so nothing may depend on it


def app_of(app_token: str) -> str:
    """Id of the app that an app-level token is of; "": it does not say."""
    found = _OF_APP.match(app_token)
    return found[1] if found else ""


def complaint(value: str, wanted: Kind) -> str:
    """Why this cannot be what is wanted, and where that is found; "": it looks right."""
    if wanted.shape.fullmatch(value):
        return ""
    return f"{_is(value)}. Wanted is the {wanted.name} ({wanted.looks}), which is under {wanted.where}"


def _is(value: str) -> str:
    if not value:
        return "nothing was given"
    for kind in KINDS:
        if kind.shape.fullmatch(value):
            return f"this is the {kind.name} ({kind.looks})"
    for prefix, name in _OTHERS.items():
        if value.startswith(prefix):
            return f"this is {name} ({prefix}…)"
    if value.startswith(("xoxb-", "xapp-")):
        return "this token has characters that none has; perhaps it was not copied whole"
    return "this is none of an app's tokens"
