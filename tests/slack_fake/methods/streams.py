"""chat.startStream, appendStream and stopStream. https://docs.slack.dev/reference/methods/chat.startStream

A stream dies some 300 seconds after its start, whatever is appended (slackapi/python-slack-sdk issue 1859). Its message
stays.
"""

from __future__ import annotations

from tests.slack_fake import blocks as blockkit
from tests.slack_fake import envelopes
from tests.slack_fake.methods.method import Arguments, method
from tests.slack_fake.model import TEAM, Channel, Json, Message, Refused, Stream
from tests.slack_fake.team import Team

MOST = 12_000  # characters of one call


def start(team: Team, a: Arguments) -> Json:
    channel = team.writable(a.text("channel"))
    thread = team.root_of(channel, a.text("thread_ts"))
    if channel.kind != "im":
        _check_recipient(team, channel, a)
    text = _markdown(team, "chat.startStream", channel, a)
    made = team.said(channel, thread=thread, text=text, markdown=text, stream=Stream(team.now()))
    made.blocks = _blocks(team, "chat.startStream", channel, a)
    team.add(made)
    return {"channel": channel.id, "ts": made.ts}


def _check_recipient(team: Team, channel: Channel, a: Arguments) -> None:
    for name in ("recipient_team_id", "recipient_user_id"):
        if not a.text(name):
            raise Refused(f"missing_{name}")
    if a.text("recipient_team_id") != TEAM:
        raise Refused("team_not_found")
    if a.text("recipient_user_id") not in team.people:
        raise Refused("user_not_found")


def append(team: Team, a: Arguments) -> Json:
    channel = team.channel(a.text("channel"))
    message = _streaming(team, channel, a)
    text = _markdown(team, "chat.appendStream", channel, a)
    if not text and not a.given.get("chunks"):
        raise Refused("no_text")
    message.markdown += text
    message.text = message.markdown
    message.blocks += _blocks(team, "chat.appendStream", channel, a)
    return {"channel": channel.id, "ts": message.ts}


def stop(team: Team, a: Arguments) -> Json:
    channel = team.channel(a.text("channel"))
    message = _streaming(team, channel, a)
    text = _markdown(team, "chat.stopStream", channel, a)
    blocks = [] if a.given.get("blocks") in (None, "") else blockkit.check(a.given["blocks"])
    metadata = team.metadata(a.value("metadata", "invalid_metadata_format"))
    team.look_at("chat.stopStream", channel, "", blocks, "", {})
    assert message.stream is not None
    message.stream.state = "stopped"
    whole = message.markdown + text
    team.change(message, markdown=whole, text=whole, blocks=blocks, metadata=metadata)
    message.edited = None  # that it was streamed shows no "(edited)"
    return {"channel": channel.id, "ts": message.ts, "message": envelopes.message(message, channel, metadata=True)}


def _streaming(team: Team, channel: Channel, a: Arguments) -> Message:
    message = team.own(channel, a.text("ts"), "message_not_owned_by_app")
    stream = message.stream
    if stream is not None and stream.state == "stopped_by_user":
        raise Refused("stopped_by_user")
    if stream is None or stream.state != "streaming" or team.now() - stream.began > team.stream_lives:
        raise Refused("message_not_in_streaming_state")
    return message


def _markdown(team: Team, name: str, channel: Channel, a: Arguments) -> str:
    chunks = a.value("chunks", "invalid_chunks")
    text = a.text("markdown_text")
    if chunks is not None:
        if text or not isinstance(chunks, list):
            raise Refused("invalid_arguments")
        text = "".join(_chunk(each) for each in chunks)
    if len(text) > MOST:
        raise Refused("msg_too_long")
    team.look_at(name, channel, "", [], text, {})
    return text


def _blocks(team: Team, name: str, channel: Channel, a: Arguments) -> list[Json]:
    """Of chunks; https://docs.slack.dev/changelog/2026/04/16/block-kit-new-blocks/"""
    chunks = a.value("chunks", "invalid_chunks") or []
    found = [block for each in chunks if each["type"] == "blocks" for block in blockkit.check(each.get("blocks"))]
    team.look_at(name, channel, "", found, "", {})
    return found


def _chunk(chunk: object) -> str:
    if not isinstance(chunk, dict) or chunk.get("type") not in (
        "markdown_text",
        "task_update",
        "plan_update",
        "blocks",
    ):
        raise Refused("invalid_chunks")
    return str(chunk.get("text", "")) if chunk["type"] == "markdown_text" else ""


METHODS = (
    method(
        "chat.startStream",
        start,
        "markdown_text chunks recipient_team_id recipient_user_id task_display_mode icon_emoji icon_url username",
        "channel thread_ts",
        scope="chat:write",
    ),
    method("chat.appendStream", append, "markdown_text chunks", "channel ts", scope="chat:write"),
    method(
        "chat.stopStream",
        stop,
        "markdown_text chunks blocks metadata session_status",
        "channel ts",
        scope="chat:write",
    ),
)
