"""Slack's markup: how it writes what people type, how people see what apps write, and what is wrong with it. Pure.

https://docs.slack.dev/messaging/formatting-message-text
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

_SPECIAL = re.compile(r"<([^<>\n]*)>")
_WELL_FORMED = re.compile(
    r"@[UW][A-Z0-9]+(\|[^|]*)?"
    r"|#[CDG][A-Z0-9]+(\|[^|]*)?"
    r"|!(here|channel|everyone)(\|[^|]*)?"
    r"|!subteam\^S[A-Z0-9]+(\|[^|]*)?"
    r"|!date\^\d+\^[^|]+\|[^|]+"
    r"|(https?|mailto|tel|ftp|slack):[^\s|]+(\|[^|]+)?"
)
_PING = re.compile(r"<(?:@[UW][A-Z0-9]+|!(?:here|channel|everyone)|!subteam\^S[A-Z0-9]+)(?:\|[^>]*)?>")
_BROADCAST = re.compile(r"(?<![\w@])@(?:here|channel|everyone)\b")
_QUOTED = re.compile(r"(?m)^[ \t]*(?:>[ \t]?)+")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")

# What people type. Top-level domains are those that file names have as well: Slack makes links of "main.py", too.
_TYPED = re.compile(
    r"(?P<url>https?://[^\s<>|`\"]+[^\s<>|`\".,;:!?')\]])"
    r"|(?P<mail>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)"
    r"|(?<![\w./@-])(?P<host>(?:[a-z0-9-]+\.)+(?:com|org|net|io|dev|ai|rs|py|md|sh))(?![\w./-])"
    r"|(?<![\w@])@(?P<name>[\w.-]*\w)"
    r"|(?<![\w#])#(?P<channel>[\w-]+)"
)


def escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def typed(text: str, people: Mapping[str, str], channels: Mapping[str, str]) -> str:
    """As Slack sends what a person types; `people` and `channels`: their ids, by the name that is typed."""

    def linked(found: re.Match[str]) -> str:
        whole = found[0]
        if found["url"]:
            return f"<{whole}>"
        if found["mail"]:
            return f"<mailto:{whole}|{whole}>"
        if found["host"]:
            return f"<http://{whole}|{whole}>"
        if name := found["name"]:
            if name in ("here", "channel", "everyone"):
                return f"<!{name}>"
            return f"<@{people[name]}>" if name in people else whole
        return f"<#{channels[found['channel']]}|>" if found["channel"] in channels else whole

    return _TYPED.sub(linked, escape(text))


def seen(text: str, people: Mapping[str, str], channels: Mapping[str, str]) -> str:
    """As a person reads mrkdwn, its marks (`*`, `_`, backticks) left in; names by their ids."""

    def shown(found: re.Match[str]) -> str:
        target, _, label = found[1].partition("|")
        if target.startswith("@"):
            return "@" + (people.get(target[1:]) or label or target[1:])
        if target.startswith("#"):
            return "#" + (channels.get(target[1:]) or label or target[1:])
        if target.startswith("!"):
            return label or "@" + target[1:]
        return label or target

    text = _SPECIAL.sub(shown, text)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def mistakes(text: str) -> Iterator[str]:
    """What is not escaped, or does not belong into any text."""
    yield from control(text)
    for found in _SPECIAL.finditer(text):
        if not _WELL_FORMED.fullmatch(found[1]):
            yield f"{found[0]!r} is no link and no mention, and not escaped"
    rest = _SPECIAL.sub("", text)
    for found in re.finditer(r"<.{0,20}", rest):
        yield f"a `<` is not escaped: {found[0]!r}"
    for found in re.finditer(r"&(?!amp;|lt;|gt;).{0,20}", text):
        yield f"a `&` is not escaped: {found[0]!r}"
    for found in re.finditer(r".{0,20}>", _QUOTED.sub("", rest)):
        yield f"a `>` is not escaped: {found[0]!r}"


def control(text: str) -> Iterator[str]:
    for found in _CONTROL.finditer(text):
        yield f"a control character: {found[0]!r}"


def pings(text: str, *, names: bool = False) -> list[str]:
    """Whom this would notify; `names`: bare names are linked too (`parse: full`, `link_names`)."""
    return _PING.findall(text) + (_BROADCAST.findall(text) if names else [])
