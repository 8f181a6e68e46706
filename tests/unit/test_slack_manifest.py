"""The manifest asks for what the transport uses: no event, method or scope more, and none less."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from transports.slack import http, listening, manifest
from transports.slack.model import EVENTS

PACKAGE = Path(manifest.__file__).parent
METHOD = re.compile(
    r"(assistant\.threads|apps\.connections|auth|bots|chat|conversations|files|reactions|users|views)\.\w+"
)
# What the SDK's own functions call.
BY_FUNCTION = {
    "files_upload_v2": {"files.getUploadURLExternal", "files.completeUploadExternal"},
    "apps_connections_open": {"apps.connections.open"},
}
WITHOUT_EVENT_OR_METHOD = {"commands", "files:read"}  # a slash command, and addresses of files


def called() -> set[str]:
    """Methods of the Web API that the package names or calls."""
    found: set[str] = set()
    for path in PACKAGE.glob("*.py"):
        if path.name == "manifest.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and METHOD.fullmatch(node.value):
                found.add(node.value)
            if isinstance(node, ast.Attribute):
                found |= BY_FUNCTION.get(node.attr, set())
    return found


def sdk_calls() -> set[str]:
    """Functions of the SDK that are named like methods of the Web API."""
    names = re.compile(r"(apps|auth|bots|chat|conversations|files|reactions|users|views)_\w+")
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in PACKAGE.glob("*.py")]
    calls = [node.func for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {call.attr for call in calls if isinstance(call, ast.Attribute) and names.fullmatch(call.attr)}


def test_every_method_that_is_called_is_asked_for_and_no_other() -> None:
    asked = {method for need in manifest.NEEDS for method in need.methods}
    assert called() == asked | set(manifest.FREE_METHODS) | set(manifest.APP_LEVEL)
    assert sdk_calls() <= set(BY_FUNCTION)


def test_every_event_is_subscribed_to_and_has_its_scope() -> None:
    assert manifest.manifest()["settings"]["event_subscriptions"]["bot_events"] == sorted(EVENTS)
    of_scopes = [event for need in manifest.NEEDS for event in need.events]
    assert sorted([*of_scopes, "app_uninstalled", "tokens_revoked"]) == sorted(EVENTS)  # these two need none


def test_every_scope_is_there_for_something_and_once() -> None:
    useless = {need.scope for need in manifest.NEEDS if not need.events and not need.methods}
    assert useless == WITHOUT_EVENT_OR_METHOD
    assert len(set(manifest.SCOPES)) == len(manifest.SCOPES)
    assert manifest.manifest()["oauth_config"]["scopes"] == {"bot": list(manifest.SCOPES)}


def test_names_are_those_that_are_listened_to() -> None:
    assert manifest.COMMAND == listening.COMMAND
    assert manifest.PATH == http.PATH


def test_socket_mode_names_no_address() -> None:
    made = manifest.manifest()
    assert made["settings"]["socket_mode_enabled"] is True
    assert "url" not in json.dumps(made)


@pytest.mark.parametrize("base", ["https://bot.example.org", "https://bot.example.org/"])
def test_over_http_everything_goes_to_one_address(base: str) -> None:
    made = manifest.manifest(base)
    url = "https://bot.example.org/slack/events"
    settings = made["settings"]
    assert settings["socket_mode_enabled"] is False
    assert settings["event_subscriptions"]["request_url"] == settings["interactivity"]["request_url"] == url
    assert made["features"]["slash_commands"][0]["url"] == url


def test_the_switches_that_people_forget_are_set() -> None:
    made = manifest.manifest()
    assert made["settings"]["interactivity"]["is_enabled"] is True  # else no button works
    home = made["features"]["app_home"]
    assert (home["messages_tab_enabled"], home["messages_tab_read_only_enabled"]) == (True, False)  # else no DM
    assert made["settings"]["token_rotation_enabled"] is False  # else the tokens would end after twelve hours


def test_it_is_json_within_slacks_limits() -> None:
    made = json.loads(manifest.as_json())
    assert made == manifest.manifest()
    # https://docs.slack.dev/reference/app-manifest
    assert len(made["display_information"]["name"]) <= 35
    assert len(made["display_information"]["description"]) <= 140
    assert len(made["features"]["bot_user"]["display_name"]) <= 80
    assert len(made["settings"]["event_subscriptions"]["bot_events"]) <= 100


def test_what_is_missing_is_found() -> None:
    assert manifest.missing(manifest.SCOPES) == []
    assert manifest.missing({*manifest.SCOPES, "more"} - {"im:history"})[0].events == ("message.im",)
    assert [need.scope for need in manifest.missing(())] == list(manifest.SCOPES)
