"""Where files lie, and where answers to a press or a command are sent to: addresses that are no methods."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from aiohttp import web

from tests.slack_fake import blocks as blockkit
from tests.slack_fake.model import BOT_TOKEN, Json, Message, Refused
from tests.slack_fake.team import Team

LOGIN = "<!DOCTYPE html><html><head><title>Slack</title></head><body>Sign in to Fake</body></html>"
MOST_ANSWERS = 5  # to one response_url


class Storage:
    def __init__(self, team: Team, is_good: Callable[[str], bool]) -> None:
        self._team = team
        self._is_good = is_good

    async def upload(self, request: web.Request) -> web.Response:
        """Raw bytes, or a form with one file in it."""
        file = self._team.files.get(request.match_info["file"])
        if file is None or file.uploaded:
            return web.Response(status=404, text="no such upload")
        content = await request.read()
        if len(content) != file.length:
            return web.Response(status=400, text=f"{len(content)} bytes came, {file.length} were announced")
        file.content, file.uploaded = content, True
        return web.Response(text=f"OK - {len(content)}")

    async def download(self, request: web.Request) -> web.Response:
        """Without our token, or without the scope, Slack shows its login page, with status 200."""
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token != BOT_TOKEN or not self._is_good(token) or "files:read" not in self._team.scopes:
            return web.Response(text=LOGIN, content_type="text/html")
        file = self._team.files.get(request.match_info["file"].partition("-")[2])
        if file is None or not file.uploaded:
            return web.Response(status=404, text="")
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.name, safe='')}"}
        return web.Response(body=file.content, content_type="application/octet-stream", headers=headers)


class Responses:
    """response_url. https://docs.slack.dev/interactivity/handling-user-interaction/#message_responses"""

    def __init__(self, team: Team) -> None:
        self.received: list[Json] = []
        self._team = team
        self._places: dict[str, tuple[str, str, Message | None]] = {}  # channel, person and message
        self._used: dict[str, int] = {}

    def new(self, channel: str, user: str, message: Message | None = None) -> str:
        name = self._team.new_id("R")
        self._places[name] = (channel, user, message)
        return f"{self._team.url}/response/{name}"

    async def take(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self._places or self._used.get(name, 0) >= MOST_ANSWERS:
            return web.json_response({"ok": False, "error": "used_url"}, status=404)
        self._used[name] = self._used.get(name, 0) + 1
        try:
            said = await request.json()
            self.received.append(said)
            self.answer(*self._places[name], said)
        except (ValueError, Refused) as exc:
            return web.json_response({"ok": False, "error": str(exc)}, status=500)
        return web.Response(text="ok")

    def answer(self, channel: str, user: str, message: Message | None, said: Any) -> None:
        """What is shown because of it, to this person alone unless it says otherwise."""
        said = said if isinstance(said, dict) else {"text": str(said)}
        if said.get("delete_original") and message is not None:
            self._team.remove(message)
            return
        text, blocks = str(said.get("text") or ""), said.get("blocks")
        checked = blockkit.check(blocks) if blocks else []
        if not text and not checked:
            raise Refused("no_text")
        place = self._team.channels[channel]
        self._team.look_at("response_url", place, text, checked, "", said)
        if said.get("replace_original") and message is not None:
            self._team.change(message, text=text, blocks=checked)
            return
        only_for = "" if said.get("response_type") == "in_channel" else user
        thread = str(said.get("thread_ts") or "")
        self._team.add(self._team.said(place, thread=thread, text=text, blocks=checked, only_for=only_for))
