"""Live events of the real program: a turn, a command, and a listener who comes back, also after a restart."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.gateway.events import PATH
from tests.bot_process import BotProcess, environment
from tests.integration.test_gateway import free_port

pytestmark = pytest.mark.integration

SECRET = "ghp_" + "a1B2" * 9


class Listening:
    """Reads a stream as a browser does, in a thread."""

    def __init__(self, port: int, token: str, last_id: str = "") -> None:
        headers = {"Authorization": f"Bearer {token}", **({"Last-Event-ID": last_id} if last_id else {})}
        request = urllib.request.Request(f"http://127.0.0.1:{port}{PATH}", headers=headers)
        self._answer = urllib.request.urlopen(request, timeout=30)
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.last_id = ""
        self.ended = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        kind = ""
        try:
            for raw in self._answer:
                name, _, value = raw.decode().rstrip("\n").partition(": ")
                if name == "id":
                    self.last_id = value
                elif name == "event":
                    kind = value
                elif name == "data":
                    self.events.append((kind, json.loads(value)))
        finally:
            self.ended.set()

    def wait(self, wanted: Callable[[str, dict[str, Any]], bool]) -> dict[str, Any]:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            for kind, data in list(self.events):
                if wanted(kind, data):
                    return data
            time.sleep(0.02)
        raise AssertionError(f"not heard: {self.events}")

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.events]

    def text(self) -> str:
        return "".join(data["text"] for kind, data in self.events if kind == "run.text")


def token(place: Path) -> str:
    (place / "bot.toml").touch()
    where = ["--config", str(place / "bot.toml"), "--data", str(place / "data")]
    command = [sys.executable, "-m", "bot", "token", "create", "page", "--role", "owner", *where]
    made = subprocess.run(command, capture_output=True, text=True, env=environment(place), check=True)
    return made.stdout.split()[-1]


def config(port: int, say: str) -> str:
    return (
        f'default_agent = "talker"\n[gateway]\nenabled = "on"\nport = {port}\n[dispatcher]\nwindow = 0.1\n'
        f'[agents.talker]\nbackend = "command"\ncommand = ["sh", "-c", "{say}"]\n'
    )


def test_a_turn_is_heard_in_order_and_a_listener_comes_back(tmp_path: Path) -> None:
    port, key = free_port(), token(tmp_path)
    toml = config(port, f"echo one two; sleep 0.3; echo the key is {SECRET} indeed")
    with BotProcess(tmp_path, toml) as bot:
        bot.send("version", "e0", "elsewhere")
        bot.ack("e0")
        live = Listening(port, key)
        live.wait(lambda kind, _: kind == "reset")
        bot.send("hello", "e1")
        ended = live.wait(lambda kind, _: kind == "run.ended")
        assert live.events[0][1]["why"] == "new"
        here = [kind for kind, data in live.events if data.get("session") == ended["session"]]
        here = [kind for kind in here if kind not in ("run.text", "said.added")]
        assert here == ["message.accepted", "run.started", "run.running", "message.answered", "run.ended"]
        started = live.wait(lambda kind, _: kind == "run.started")
        accepted = live.wait(lambda kind, _: kind == "message.accepted")
        assert (accepted["text"], accepted["event_id"], accepted["command"]) == ("hello", "e1", False)
        assert (started["messages"], started["agent"]) == ([accepted["id"]], "talker")
        assert (ended["state"], ended["run"]) == ("succeeded", started["run"])
        assert ended["killed"]["verified"] is True
        assert live.text() == "one two\nthe key is [secret] indeed\n"
        shown = live.wait(lambda kind, data: kind == "said.added" and data["run"] == ended["run"])
        assert (shown["session"], shown["kind"]) == (ended["session"], "answer")
        assert [(part["aside"], "the key is [secret]" in part["text"]) for part in shown["parts"]] == [(False, True)]
        last = live.last_id

        bot.send("version", "e2")
        done = {"state": "done", "session": ended["session"]}
        answered = live.wait(lambda kind, data: kind == "message.answered" and done.items() <= data.items())
        assert "tugbot" in answered["text"]
        again = Listening(port, key, last)
        assert again.wait(lambda kind, _: kind == "message.answered") == answered
        assert [kind for kind in again.kinds() if kind != "said.added"] == ["message.accepted", "message.answered"]
        assert bot.finish() == 0
        assert live.ended.wait(10)
    with BotProcess(tmp_path, toml) as bot:
        bot.send("version", "e3", "elsewhere")
        bot.ack("e3")
        later = Listening(port, key, last)
        assert later.wait(lambda kind, _: kind == "reset")["why"] == "restarted"
        assert bot.finish() == 0


def test_a_stop_is_heard_with_its_proof_and_nothing_of_the_answer_after_it(tmp_path: Path) -> None:
    port, key = free_port(), token(tmp_path)
    with BotProcess(tmp_path, config(port, "while :; do echo word; sleep 0.05; done")) as bot:
        bot.send("version", "e0", "elsewhere")
        bot.ack("e0")
        live = Listening(port, key)
        bot.send("hello", "e1")
        live.wait(lambda kind, _: kind == "run.text")
        bot.send("stop", "e2")
        ended = live.wait(lambda kind, _: kind == "run.ended")
        assert (ended["state"], ended["killed"]["verified"]) == ("stopped", True)
        assert ended["killed"]["found"] >= 1
        live.wait(lambda kind, data: kind == "message.answered" and data["state"] == "done")
        assert "run.text" not in live.kinds()[live.kinds().index("run.ended") :]
        assert bot.finish() == 0
