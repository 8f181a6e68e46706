"""Who we are, who people are, reactions, and the line under a thread that says what the bot is about."""

from __future__ import annotations

from tests.slack_fake import envelopes
from tests.slack_fake.methods.method import Arguments, method
from tests.slack_fake.model import BOT, BOT_ID, TEAM, Json, Message, Refused
from tests.slack_fake.team import Team


def auth_test(team: Team, a: Arguments) -> Json:
    return {
        "url": "https://fake.slack.com/",
        "team": "Fake",
        "user": team.people[BOT].name,
        "team_id": TEAM,
        "user_id": BOT,
        "bot_id": BOT_ID,
        "is_enterprise_install": False,
    }


def user_info(team: Team, a: Arguments) -> Json:
    person = team.people.get(a.text("user"))
    if person is None:
        raise Refused("user_not_found")
    return {"user": envelopes.user(person)}


def set_status(team: Team, a: Arguments) -> Json:
    channel = team.writable(a.text("channel_id"))
    thread = team.root_of(channel, a.text("thread_ts"))
    if "status" not in a.given:
        raise Refused("invalid_arguments")
    team.statuses[channel.id, thread] = (a.text("status"), team.now())
    return {}


def _reacted(team: Team, a: Arguments) -> tuple[Message, list[str]]:
    message = team.message(team.channel(a.text("channel")), a.text("timestamp"))
    if not a.text("name").replace("_", "").replace("-", "").replace("+", "").isalnum():
        raise Refused("invalid_name")
    return message, message.reactions.setdefault(a.text("name"), [])


def add_reaction(team: Team, a: Arguments) -> Json:
    _, who = _reacted(team, a)
    if BOT in who:
        raise Refused("already_reacted")
    who.append(BOT)
    return {}


def remove_reaction(team: Team, a: Arguments) -> Json:
    message, who = _reacted(team, a)
    if BOT not in who:
        raise Refused("no_reaction")
    who.remove(BOT)
    message.reactions = {name: left for name, left in message.reactions.items() if left}
    return {}


METHODS = (
    method("auth.test", auth_test, ""),
    method("users.info", user_info, "include_locale", "user", scope="users:read", json=False),
    method(
        "assistant.threads.setStatus",
        set_status,
        "status loading_messages icon_emoji icon_url username",
        "channel_id thread_ts",
        scope="chat:write assistant:write",
    ),
    method("reactions.add", add_reaction, "", "channel name timestamp", scope="reactions:write"),
    method("reactions.remove", remove_reaction, "", "channel name timestamp", scope="reactions:write"),
)
