"""conversations.*, users.conversations: what there is, in pages."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from tests.slack_fake import envelopes
from tests.slack_fake.methods.method import Arguments, method
from tests.slack_fake.model import BOT, Channel, Json, Message, Refused
from tests.slack_fake.team import Team

_READ = {"channel": "channels", "group": "groups", "im": "im", "mpim": "mpim"}
_TYPES = {"public_channel": "channel", "private_channel": "group", "im": "im", "mpim": "mpim"}


def open_(team: Team, a: Arguments) -> Json:
    users = a.text("users").split(",") if a.text("users") else []
    if a.text("channel"):
        return {"channel": {"id": team.channel(a.text("channel")).id}}
    if not users:
        raise Refused("users_list_not_supplied")
    if unknown := [each for each in users if each not in team.people]:
        raise Refused("user_not_found", users=unknown)
    if len(users) > 1:
        raise Refused("not_enough_users" if len(users) > 8 else "method_not_supported_for_channel_type")
    return {"channel": {"id": team.dm_of(users[0]).id}}


def info(team: Team, a: Arguments) -> Json:
    return {"channel": envelopes.conversation(team.channel(a.text("channel")))}


def list_(team: Team, a: Arguments) -> Json:
    """All public channels, and of the others those that the bot is in."""
    visible = [each for each in team.channels.values() if each.kind == "channel" or BOT in each.members]
    return _listed(visible, a)


def of_user(team: Team, a: Arguments) -> Json:
    user = a.text("user") or BOT
    return _listed([each for each in team.channels.values() if user in each.members], a)


def _listed(channels: Sequence[Channel], a: Arguments) -> Json:
    asked = (a.text("types") or "public_channel").split(",")
    if unknown := set(asked) - set(_TYPES):
        raise Refused("invalid_types", response_metadata={"messages": sorted(unknown)})
    kinds = {_TYPES[each] for each in asked}
    wanted = [c for c in channels if c.kind in kinds and not (c.archived and a.flag("exclude_archived"))]
    page, cursor = _page([envelopes.conversation(each) for each in wanted], a)
    return {"channels": page, "response_metadata": {"next_cursor": cursor}}


def history(team: Team, a: Arguments) -> Json:
    """Newest first; answers in threads are left out unless they were sent to the channel as well."""
    channel = _readable(team, a)
    found = [m for m in channel.messages.values() if not m.only_for and (not m.thread or m.broadcast)]
    found = sorted((m for m in found if _between(m, a)), key=lambda m: m.ts, reverse=True)
    return _messages(channel, found, a)


def replies(team: Team, a: Arguments) -> Json:
    """Oldest first, the root always ahead of them on the first page."""
    channel, ts = _readable(team, a), a.text("ts")
    root = channel.messages.get(ts)
    if root is None or root.only_for:
        raise Refused("thread_not_found")
    # Of an answer's ts, the answer alone.
    answers = [m for m in channel.messages.values() if m.thread == ts and not m.only_for and _between(m, a)]
    return _messages(channel, [root, *sorted(answers, key=lambda m: m.ts)], a)


def _readable(team: Team, a: Arguments) -> Channel:
    channel = team.channel(a.text("channel"))
    if BOT not in channel.members:
        raise Refused("not_in_channel")
    team.need(f"{_READ[channel.kind]}:history")
    return channel


def _between(message: Message, a: Arguments) -> bool:
    oldest, latest = a.text("oldest") or "0", a.text("latest") or "9999999999"
    ts = float(message.ts)
    if a.flag("inclusive"):
        return float(oldest) <= ts <= float(latest)
    return float(oldest) < ts < float(latest)


def _messages(channel: Channel, found: Sequence[Message], a: Arguments) -> Json:
    metadata = a.flag("include_all_metadata")
    page, cursor = _page([envelopes.message(each, channel, metadata=metadata) for each in found], a)
    more = {"response_metadata": {"next_cursor": cursor}} if cursor else {}
    return {"messages": page, "has_more": bool(cursor), "pin_count": 0, **more}


def _page(found: list[Json], a: Arguments) -> tuple[list[Json], str]:
    """A page, and the cursor of the next."""
    limit = a.number("limit", 100)
    if not 0 < limit <= 1000:
        raise Refused("invalid_limit")
    try:
        start = int(base64.b64decode(a.text("cursor")).decode().partition(":")[2] or 0) if a.text("cursor") else 0
    except ValueError:
        raise Refused("invalid_cursor") from None
    end = start + limit
    return found[start:end], base64.b64encode(f"next:{end}".encode()).decode() if end < len(found) else ""


_PAGED = "cursor limit"
_MESSAGES = f"{_PAGED} oldest latest inclusive include_all_metadata"
METHODS = (
    method("conversations.open", open_, "users channel return_im prevent_creation", scope="im:write"),
    method(
        "conversations.info",
        info,
        "include_locale include_num_members",
        "channel",
        scope="channels:read groups:read im:read mpim:read",
        json=False,
    ),
    method(
        "conversations.list",
        list_,
        f"{_PAGED} types exclude_archived team_id",
        scope="channels:read groups:read im:read mpim:read",
        json=False,
    ),
    method(
        "users.conversations",
        of_user,
        f"{_PAGED} types exclude_archived team_id user",
        scope="channels:read groups:read im:read mpim:read",
        json=False,
    ),
    method("conversations.history", history, _MESSAGES, "channel", json=False),
    method("conversations.replies", replies, _MESSAGES, "channel ts", json=False),
)
