"""chat.*, but for streams."""

from __future__ import annotations

from typing import Any

from tests.slack_fake import blocks as blockkit
from tests.slack_fake import envelopes
from tests.slack_fake.methods.method import Arguments, method
from tests.slack_fake.model import BOT, Channel, Json, Message, Refused
from tests.slack_fake.team import Team

MOST_TEXT = 40_000  # characters of a message
# Of chat.update. Bytes rather than characters: gitlab-org/gitlab merge request 258898 found that out.
MOST_UPDATED = 4_000
MOST_MARKDOWN = 12_000


def _content(team: Team, name: str, channel: Channel, a: Arguments) -> Json:
    """What the app wants to be shown. Raises Refused."""
    text, markdown = a.text("text"), a.text("markdown_text")
    blocks = [] if a.given.get("blocks") in (None, "") else blockkit.check(a.given["blocks"])
    if markdown and (text or blocks):
        raise Refused("markdown_text_conflict")
    if not text.strip() and not blocks and not markdown.strip() and not a.given.get("attachments"):
        raise Refused("no_text")
    if len(text) > MOST_TEXT or len(markdown) > MOST_MARKDOWN:
        raise Refused("msg_too_long")
    if blocks and not text:
        team.complaints.append(f"{name}: blocks without `text` leave notifications empty")
    parsed = "" if str(a.given.get("mrkdwn", "true")).lower() in ("false", "0") else text
    team.look_at(name, channel, parsed, blocks, markdown, a.given)
    return {"text": text or markdown, "blocks": blocks, "markdown": markdown}


def post_message(team: Team, a: Arguments) -> Json:
    channel = _addressed(team, a.text("channel"))
    thread = team.root_of(channel, a.given.get("thread_ts"))
    metadata = team.metadata(a.value("metadata", "invalid_metadata_format"))
    content = _content(team, "chat.postMessage", channel, a)
    broadcast = a.flag("reply_broadcast")
    made = team.said(channel, thread=thread, metadata=metadata, broadcast=broadcast, **content)
    team.add(made)
    return {"channel": channel.id, "ts": made.ts, "message": envelopes.message(made, channel, metadata=True)}


def _addressed(team: Team, to: str) -> Channel:
    """Posting to a person's id opens the conversation with them."""
    return team.dm_of(to) if to in team.people and to != BOT else team.writable(to)


def update(team: Team, a: Arguments) -> Json:
    channel = team.channel(a.text("channel"))
    message = team.own(channel, a.text("ts"), "cant_update_message")
    if channel.archived:
        raise Refused("is_archived")
    if message.stream is not None and message.stream.state == "streaming" and not _expired(team, message):
        raise Refused("streaming_state_conflict")
    if len(a.text("text").encode()) > MOST_UPDATED:
        raise Refused("msg_too_long")
    new: dict[str, Any] = _content(team, "chat.update", channel, a)
    if a.given.get("blocks") is None and not new["markdown"]:
        new["blocks"] = message.blocks  # they stay unless others are given, or an empty list
    if (metadata := a.value("metadata", "invalid_metadata_format")) is not None:
        new["metadata"] = team.metadata(metadata)
    if message.stream is not None:
        message.stream.state = "stopped"
    team.change(message, **new)
    text = envelopes.message(message, channel, metadata=True)
    return {"channel": channel.id, "ts": message.ts, "text": message.text, "message": text}


def _expired(team: Team, message: Message) -> bool:
    return message.stream is not None and team.now() - message.stream.began > team.stream_lives


def delete(team: Team, a: Arguments) -> Json:
    channel = team.channel(a.text("channel"))
    team.remove(team.own(channel, a.text("ts"), "cant_delete_message"))
    return {"channel": channel.id, "ts": a.text("ts")}


def post_ephemeral(team: Team, a: Arguments) -> Json:
    channel, user = team.writable(a.text("channel")), a.text("user")
    if user not in channel.members:
        raise Refused("user_not_in_channel")
    thread = team.root_of(channel, a.given.get("thread_ts"))
    made = team.said(channel, thread=thread, only_for=user, **_content(team, "chat.postEphemeral", channel, a))
    team.add(made)
    return {"message_ts": made.ts}


_SHOWN = "text blocks attachments markdown_text thread_ts parse link_names mrkdwn username icon_emoji icon_url as_user"
METHODS = (
    method(
        "chat.postMessage",
        post_message,
        f"{_SHOWN} metadata reply_broadcast unfurl_links unfurl_media",
        "channel",
        scope="chat:write",
    ),
    method(
        "chat.update",
        update,
        "text blocks attachments markdown_text parse link_names as_user metadata reply_broadcast file_ids",
        "channel ts",
        scope="chat:write",
    ),
    method("chat.delete", delete, "as_user", "channel ts", scope="chat:write"),
    method("chat.postEphemeral", post_ephemeral, _SHOWN, "channel user", scope="chat:write"),
)
