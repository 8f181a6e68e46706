"""The app as Slack is told about it, and why it needs what it asks for. Pure.

https://docs.slack.dev/reference/app-manifest
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from transports.slack.model import EVENTS

COMMAND = "/tugbot"
PATH = "/slack/events"  # where Slack calls in HTTP mode
NAME = "Tugbot"
DESCRIPTION = "Steers coding agents from chat."


@dataclass(frozen=True, slots=True)
class Need:
    """A scope of the bot token, and all that asks for it."""

    scope: str
    why: str  # without it the bot cannot …
    events: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()  # of the Web API


_HISTORY = ("conversations.history", "conversations.replies")
_LISTS = ("users.conversations", "conversations.info")
NEEDS = (
    Need("app_mentions:read", "hear mentions", ("app_mention",)),
    Need("channels:history", "hear threads of channels", ("message.channels",), _HISTORY),
    Need("groups:history", "hear threads of private channels", ("message.groups",), _HISTORY),
    Need("im:history", "hear direct messages", ("message.im",), _HISTORY),
    Need("mpim:history", "hear direct messages of several people", ("message.mpim",), _HISTORY),
    Need("channels:read", "know which channels it is in", ("channel_archive", "channel_left"), _LISTS),
    Need("groups:read", "know which private channels it is in", ("group_archive", "group_left"), _LISTS),
    Need("im:read", "know its direct messages", (), _LISTS),
    Need("mpim:read", "know its direct messages of several people", (), _LISTS),
    Need(
        "chat:write",
        "answer",
        (),
        (
            "chat.postMessage",
            "chat.update",
            "chat.startStream",
            "chat.appendStream",
            "chat.stopStream",
            "assistant.threads.setStatus",
        ),
    ),
    Need("commands", f"take {COMMAND}"),
    Need("files:read", "fetch files that are sent to it"),
    Need("files:write", "send files", (), ("files.getUploadURLExternal", "files.completeUploadExternal")),
    Need("users:read", "know what people are called", (), ("users.info", "bots.info")),
)
SCOPES = tuple(need.scope for need in NEEDS)
FREE_METHODS = ("auth.test",)  # need no scope
APP_LEVEL = {"apps.connections.open": "connections:write"}  # the app-level token's only scope


def missing(granted: Collection[str]) -> Sequence[Need]:
    return [need for need in NEEDS if need.scope not in granted]


def manifest(http: str = "") -> Mapping[str, Any]:
    """For Socket Mode, or for requests to an address below `http` ("https://tugbot.example.org")."""
    url = f"{http.rstrip('/')}{PATH}" if http else ""
    return {
        "display_information": {"name": NAME, "description": DESCRIPTION},
        "features": _features(url),
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "event_subscriptions": {**_called("request_url", url), "bot_events": sorted(EVENTS)},
            "interactivity": {"is_enabled": True, **_called("request_url", url)},
            "org_deploy_enabled": False,
            "socket_mode_enabled": not url,
            "token_rotation_enabled": False,
        },
    }


def as_json(http: str = "") -> str:
    return json.dumps(manifest(http), indent=2)


def _features(url: str) -> Mapping[str, Any]:
    """Without `agent_view`: with it Slack makes each direct message the root of a thread, and lines that belong
    together would be sessions of their own."""
    command = {
        "command": COMMAND,
        **_called("url", url),
        "description": "Say something to Tugbot, or give it a command",
        "usage_hint": "help | status | stop | anything",
        "should_escape": True,  # as messages are, so that both are read alike
    }
    return {
        "app_home": {
            "home_tab_enabled": False,
            "messages_tab_enabled": True,
            "messages_tab_read_only_enabled": False,
        },
        "bot_user": {"display_name": NAME.lower(), "always_online": True},
        "slash_commands": [command],
    }


def _called(key: str, url: str) -> Mapping[str, str]:
    return {key: url} if url else {}
