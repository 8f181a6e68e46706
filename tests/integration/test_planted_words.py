"""An agent that says the secrets it was given: they are in no chat, row, event or line of the log. The real program."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import sys
from pathlib import Path

import pytest

from bot.redact import MARK
from bot.secrets import Secrets
from tests import agents_scripted as scripted
from tests.bot_process import BotProcess
from tests.integration.test_gateway import free_port
from tests.integration.test_gateway_events import Listening, token

pytestmark = pytest.mark.integration

MINE = "planted/agent+key-91"  # of no known shape
OTHER = "planted-variable-of-the-bot-92"
SHAPED = "sk-ant-" + "planted93" * 4
AGENT = """
import os, sys, time
def say(text, pause=0.0):
    for byte in text.encode():
        sys.stdout.buffer.write(bytes([byte]))
        sys.stdout.flush()
        time.sleep(pause)
mine, shaped = os.environ["MY_KEY"], os.environ["OTHER_THING"]
say(f"Letter by letter: {mine}.\\n\\n", 0.03)
say(f"And {shaped} too.\\n\\n", 0.005)
print(f"In one line: key={mine} and {shaped!r}", flush=True)
if "fail" in sys.stdin.read():
    sys.exit(f"could not log in with {mine} or {shaped}")
say("That is all")
"""


def config(port: int, script: Path) -> str:
    return f"""
default_agent = "leaky"
[dispatcher]
window = 0.05
[runs]
interrupt_grace = 0
[log]
level = "debug"
[gateway]
enabled = "on"
port = {port}
[agents.leaky]
backend = "command"
command = {json.dumps([sys.executable, "-c", AGENT])}
env = ["MY_KEY", "OTHER_THING"]
[agents.tools]
backend = "acp"
command = {json.dumps(scripted.command(script))}
[agents.tools.permissions]
host = "ask"
"""


def script(place: Path) -> Path:
    """Of an agent that uses tools, asks for one, and says a value on both sides of a call's news."""
    title = {"sessionUpdate": "tool_call", "toolCallId": "1", "title": f"curl -H {MINE}", "kind": "execute"}
    news = {"sessionUpdate": "tool_call_update", "toolCallId": "1", "status": "completed"}
    asks = {
        "sessionId": "s",
        "toolCall": {"toolCallId": "2", "title": f"echo {OTHER}", "rawInput": {"command": f"echo {MINE} {SHAPED}"}},
        "options": [{"optionId": "a", "name": "Allow", "kind": "allow_once"}],
    }
    return scripted.write_script(
        place / "script.jsonl",
        *scripted.opening(),
        {"agent": scripted.update("s", title)},
        scripted.say(f"It is {MINE[:9]}"),
        {"agent": scripted.update("s", news)},
        scripted.say(f"{MINE[9:]}, I think."),
        {"agent": {"jsonrpc": "2.0", "id": 9, "method": "session/request_permission", "params": asks}},
        {"client": None},
        scripted.done(),
    )


def dump(database: Path) -> str:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return "\n".join(connection.iterdump())


def test_a_secret_that_an_agent_says_is_shown_nowhere(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "data").mkdir(mode=0o700)
    Secrets(tmp_path / "data").set("leaky", "MY_KEY", MINE)
    bearer = token(tmp_path)
    env = {"OTHER_THING": SHAPED, "SOME_API_KEY": OTHER}
    with BotProcess(tmp_path, config(port, script(tmp_path)), env=env) as bot:
        bot.send("say it", "1")
        bot.message("That is all")
        listening = Listening(port, bearer)
        bot.send("say it and fail", "2")
        bot.message("Run 2 failed")
        bot.send("/agent tools", "3")
        bot.send("use tools", "4")
        bot.message("asks to use")
        bot.send("show all", "5")
        bot.message("asks to use `echo")
        bot.send("allow", "6")
        bot.message("I think.")
        listening.wait(lambda kind, data: kind == "run.ended" and data["run"] == 3)
        bot.end()
    chat, log = json.dumps(bot.said, ensure_ascii=False), bot.stderr.decode()
    events, kept = json.dumps(listening.events, ensure_ascii=False), dump(tmp_path / "data" / "tugbot.db")
    for place, text in {"chat": chat, "log": log, "events": events, "database": kept}.items():
        for value in (MINE, OTHER, SHAPED, MINE[9:], SHAPED[7:]):
            assert value not in text, place
    assert f"Letter by letter: {MARK}.\\n\\nAnd {MARK} too." in chat
    assert f"In one line: key={MARK} and '{MARK}'" in chat
    assert f"could not log in with {MARK} or {MARK}" in chat
    assert f"It is {MARK}, I think." in chat
    assert f"curl -H {MARK}" in events
    assert f"Letter by letter: {MARK}." in listening.text()
    assert f"Letter by letter: {MARK}." in kept
