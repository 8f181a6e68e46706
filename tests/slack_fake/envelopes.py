"""What Slack sends to an app, in its shapes. Pure.

https://docs.slack.dev/reference/events/message, /app_mention, /reference/interaction-payloads/block_actions-payload
"""

from __future__ import annotations

from tests.slack_fake import mrkdwn
from tests.slack_fake.model import APP, BOT, BOT_ID, TEAM, Channel, File, Json, Message, Person

TOKEN = "legacy-verification-token"


def callback(event: Json, event_id: str, at: float) -> Json:
    """The envelope of the Events API around every event."""
    authorization = {
        "enterprise_id": None,
        "team_id": TEAM,
        "user_id": BOT,
        "is_bot": True,
        "is_enterprise_install": False,
    }
    return {
        "token": TOKEN,
        "team_id": TEAM,
        "context_team_id": TEAM,
        "context_enterprise_id": None,
        "api_app_id": APP,
        "event": event,
        "type": "event_callback",
        "event_id": event_id,
        "event_time": int(at),
        "authorizations": [authorization],
        "is_ext_shared_channel": False,
        "event_context": f"4-{event_id}",
    }


def message(found: Message, channel: Channel, *, metadata: bool = False) -> Json:
    """As histories give it, and as its event has it but for the channel."""
    said: Json = {"type": "message", "user": found.user, "text": found.text, "ts": found.ts, "team": TEAM}
    if found.tombstone:
        said |= {"subtype": "tombstone", "user": "USLACKBOT", "text": "This message was deleted.", "hidden": True}
    if found.subtype and not found.tombstone:
        said["subtype"] = found.subtype
    if found.bot_id:
        profile = {"id": BOT_ID, "app_id": APP, "name": "tugbot", "deleted": False, "team_id": TEAM}
        said |= {"bot_id": found.bot_id, "app_id": APP, "bot_profile": profile}
    if found.client_msg_id and not found.tombstone:
        said |= {"client_msg_id": found.client_msg_id, "blocks": [_composed(found.text)]}
    for key, value in (("blocks", found.blocks), ("edited", found.edited), ("attachments", found.attachments)):
        if value:
            said[key] = value
    if found.files:
        said |= {"files": [file(each) for each in found.files], "upload": False}
    if metadata and found.metadata:
        said["metadata"] = found.metadata
    if found.reactions:
        said["reactions"] = [{"name": n, "users": who, "count": len(who)} for n, who in found.reactions.items()]
    return said | _threading(found, channel)


def _composed(text: str) -> Json:
    """What people write comes as rich text, too."""
    section = {"type": "rich_text_section", "elements": [{"type": "text", "text": mrkdwn.seen(text, {}, {})}]}
    return {"type": "rich_text", "block_id": "rich", "elements": [section]}


def _threading(found: Message, channel: Channel) -> Json:
    if found.thread:
        root = channel.messages.get(found.thread)
        parent = {"parent_user_id": "USLACKBOT" if root.tombstone else root.user} if root else {}
        return {"thread_ts": found.thread, **parent}
    replies = [each for each in channel.messages.values() if each.thread == found.ts and not each.only_for]
    if not replies:
        return {}
    users = list(dict.fromkeys(each.user for each in replies))
    return {
        "thread_ts": found.ts,
        "reply_count": len(replies),
        "reply_users_count": len(users),
        "latest_reply": max(each.ts for each in replies),
        "reply_users": users,
        "is_locked": False,
        "subscribed": True,
    }


def file(found: File) -> Json:
    return {
        "id": found.id,
        "name": found.name,
        "title": found.title,
        "mimetype": "application/octet-stream",
        "filetype": found.name.rpartition(".")[2],
        "size": len(found.content),
        "mode": "hosted",
        "is_external": False,
        "url_private": found.url,
        "url_private_download": found.url,
    }


def message_event(found: Message, channel: Channel) -> Json:
    said = message(found, channel)
    for key in ("reply_count", "reply_users_count", "latest_reply", "reply_users", "is_locked", "subscribed"):
        said.pop(key, None)
    if not found.thread:
        said.pop("thread_ts", None)
    return said | _placed(channel, found.ts)


def mention_event(found: Message, channel: Channel) -> Json:
    """Of the same message; Slack gives it no channel_type."""
    said = message_event(found, channel)
    for key in ("channel_type", "subtype", "parent_user_id"):
        said.pop(key, None)
    return {**said, "type": "app_mention"}


def changed_event(new: Json, old: Json, channel: Channel, ts: str) -> Json:
    said = {"type": "message", "subtype": "message_changed", "hidden": True, "message": new, "previous_message": old}
    return {**said, "ts": ts, **_placed(channel, ts)}


def deleted_event(old: Json, channel: Channel, ts: str) -> Json:
    said = {"type": "message", "subtype": "message_deleted", "hidden": True, "deleted_ts": old["ts"]}
    return {**said, "previous_message": old, "ts": ts, **_placed(channel, ts)}


def _placed(channel: Channel, event_ts: str) -> Json:
    return {"channel": channel.id, "channel_type": channel.kind, "event_ts": event_ts}


def block_actions(
    message_found: Message, channel: Channel, person: Person, button: Json, *, trigger: str, url: str, at: str
) -> Json:
    action = {key: button[key] for key in ("action_id", "block_id", "text", "value", "style") if key in button}
    container: Json = {
        "type": "message",
        "message_ts": message_found.ts,
        "channel_id": channel.id,
        "is_ephemeral": bool(message_found.only_for),
    }
    if message_found.thread:
        container["thread_ts"] = message_found.thread
    return {
        "type": "block_actions",
        "user": {"id": person.id, "username": person.name, "name": person.name, "team_id": TEAM},
        "api_app_id": APP,
        "token": TOKEN,
        "container": container,
        "trigger_id": trigger,
        "team": {"id": TEAM, "domain": "fake"},
        "enterprise": None,
        "is_enterprise_install": False,
        "channel": {"id": channel.id, "name": _called(channel)},
        "message": message(message_found, channel),
        "state": {"values": {}},
        "response_url": url,
        "actions": [{**action, "type": "button", "action_ts": at}],
    }


def slash_command(channel: Channel, person: Person, command: str, text: str, *, trigger: str, url: str) -> Json:
    return {
        "token": TOKEN,
        "team_id": TEAM,
        "team_domain": "fake",
        "channel_id": channel.id,
        "channel_name": _called(channel),
        "user_id": person.id,
        "user_name": person.name,
        "command": command,
        "text": text,
        "api_app_id": APP,
        "is_enterprise_install": "false",
        "response_url": url,
        "trigger_id": trigger,
    }


def _called(channel: Channel) -> str:
    return {"im": "directmessage", "group": "privategroup", "mpim": "mpdm"}.get(channel.kind, channel.name)


def conversation(channel: Channel) -> Json:
    said: Json = {
        "id": channel.id,
        "is_channel": channel.kind == "channel",
        "is_group": channel.kind == "group",
        "is_im": channel.kind == "im",
        "is_mpim": channel.kind == "mpim",
        "is_private": channel.kind != "channel",
        "is_archived": channel.archived,
        "context_team_id": TEAM,
    }
    if channel.kind == "im":
        return {**said, "user": next(iter(channel.members - {BOT}), BOT), "is_user_deleted": False}
    return {**said, "name": channel.name, "is_member": BOT in channel.members, "num_members": len(channel.members)}


def user(person: Person) -> Json:
    return {
        "id": person.id,
        "team_id": TEAM,
        "name": person.name,
        "deleted": person.deleted,
        "is_bot": person.bot,
        "profile": {"display_name": person.display_name, "real_name": person.display_name or person.name},
        "real_name": person.display_name or person.name,
    }
