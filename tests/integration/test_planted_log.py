"""Secrets planted where the bot loads them never reach the log of the real program, at debug, in either form."""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from bot.access.tokens import Tokens
from bot.secrets import Secrets
from tests.bot_process import COMMAND, BotProcess
from tests.integration.test_gateway import free_port

pytestmark = pytest.mark.integration

PLANTED = {
    "agent": "planted-agent-secret-91",
    "agent's variable": "planted-agent-variable-92",
    "matrix": "planted-matrix-token-93",
    "slack bot": "xoxb-1-2-planted94",
    "slack app": "xapp-1-A1-2-planted95",
    "database": "planted-database-96",
}
NOWHERE = "http://127.0.0.1:1"
# Says what it was given where programs complain, and fails.
AGENT = "import os, sys; sys.exit(' '.join(os.environ[name] for name in ('MY_KEY', 'OTHER_THING')))"


def config(port: int) -> str:
    return f"""
default_agent = "leaky"
[dispatcher]
window = 0.05
[log]
level = "debug"
[gateway]
enabled = "on"
port = {port}
[docker]
http_proxy = "http://me:{PLANTED["database"]}@127.0.0.1:1"
[transports.matrix]
homeserver = "{NOWHERE}"
user = "@tugbot:example.org"
[transports.slack]
team = "T0123ABC"
[agents.leaky]
backend = "command"
command = {json.dumps([sys.executable, "-c", AGENT])}
env = ["MY_KEY", "OTHER_THING"]
"""


def plant(data: Path) -> None:
    data.mkdir(mode=0o700)
    secrets = Secrets(data)
    secrets.set("leaky", "MY_KEY", PLANTED["agent"])
    secrets.set("matrix", "ACCESS_TOKEN", PLANTED["matrix"])
    secrets.set("slack", "BOT_TOKEN", PLANTED["slack bot"])
    secrets.set("slack", "APP_TOKEN", PLANTED["slack app"])


def ask(port: int, token: str, path: str) -> int:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}?token={token}", headers={"Authorization": f"Bearer {token}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code


@pytest.mark.parametrize("form", ["plain", "json"])
def test_no_planted_secret_reaches_the_log(tmp_path: Path, form: str) -> None:
    port = free_port()
    plant(tmp_path / "data")
    token = Tokens(tmp_path / "data").create("ci", "operator")
    command = (*COMMAND, *(("--log-json",) if form == "json" else ()))
    env = {"OTHER_THING": PLANTED["agent's variable"], "TUGBOT_SLACK_API": f"{NOWHERE}/api/"}
    with BotProcess(tmp_path, config(port), env=env, command=command) as bot:
        bot.send("hello", "e1")
        bot.wait(lambda said: said["type"] == "message" and said["run"] == 1 and "failed" in said["text"])
        assert ask(port, token, "/api/v1/metrics") == 200
        assert ask(port, token, "/api/v1/health") == 200
        assert ask(port, f"{token}x", "/api/v1/metrics") == 401
        bot.end()
        log = bot.stderr.decode()
    for kind, value in {**PLANTED, "gateway": token}.items():
        assert value not in log, kind
    assert "run 1 ended: failed after" in log
    assert "path=/api/v1/metrics status=200" in log
    if form == "json":
        lines = [json.loads(line) for line in log.splitlines()]
        steps = [line for line in lines if line["logger"] == "bot.runs"]
        assert [(step["run"], step["event"]) for step in steps] == [(1, "queued"), (1, "started"), (1, "ended")]
        assert steps[-1]["state"] == "failed"
