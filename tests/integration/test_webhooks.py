"""The real program, called by forges: once each, whatever is sent again and whenever it is killed."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import time
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from tests.bot_process import PATIENCE, BotProcess
from tests.integration.test_gateway import free_port
from tests.webhook_payloads import SECRET, github_issue, github_run, gitlab_pipeline, sent, standard
from transports.base import HookRequest

pytestmark = pytest.mark.integration

ENV = {"TUGBOT_HOOK_SECRET_CI": SECRET, "TUGBOT_HOOK_SECRET_LAB": SECRET, "TUGBOT_DISPATCHER__WINDOW": "0"}
SLOW = {**ENV, "TUGBOT_DISPATCHER__WINDOW": "1m", "TUGBOT_DISPATCHER__MAX_WAIT": "1m"}
FAILED = sent("github", "workflow_run", github_run())


def config(port: int, more: str = "") -> str:
    return f"""
default_agent = "cat"
[agents.cat]
backend = "command"
command = ["cat"]
[gateway]
port = {port}
[hooks.ci]
kind = "github"
session = "console/a"
role = "operator"
text = "The build of {{branch}} failed: {{url}}"
[hooks.lab]
kind = "gitlab"
session = "console/a"
role = "operator"
[hooks.off]
kind = "gitea"
session = "console/a"
{more}"""


def post(port: int, request: HookRequest, name: str = "ci", host: str = "") -> tuple[int, dict[str, str]]:
    """Status, and what is said."""
    headers = {**request.headers, **({"Host": host} if host else {})}
    url = f"http://127.0.0.1:{port}/hooks/{name}"
    asked = urllib.request.Request(url, data=request.body, headers=headers, method="POST")
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code, json.loads(exc.read())


def until_it_listens(port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with closing(socket.create_connection(("127.0.0.1", port), timeout=1)):
                return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def rows(place: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(place / "data" / "tugbot.db")) as connection:
        return list(connection.execute(query))


def test_what_is_signed_is_run_once_and_nothing_else(tmp_path: Path) -> None:
    port = free_port()
    with BotProcess(tmp_path, config(port), env=ENV) as bot:
        until_it_listens(port)
        assert post(port, FAILED, host="bot.example.org") == (202, {"status": "accepted"})  # under any name
        shown = bot.message("**ci** workflow_run.failure")
        assert shown["session"] == "a"
        answer = bot.message("The build of main failed", "Untrusted words of the forge")
        assert "> by: ann" in answer["text"]
        assert post(port, FAILED) == (202, {"status": "duplicate"})
        again = HookRequest("POST", {**FAILED.headers, "x-github-delivery": "d-2"}, FAILED.body)
        assert post(port, again) == (202, {"status": "duplicate"})
        forged = HookRequest("POST", FAILED.headers, FAILED.body.replace(b"main", b"evil"))
        assert post(port, forged) == (401, {"error": "unauthorized"})
        assert post(port, HookRequest("POST", {"content-type": "application/json"}, b"{}"))[0] == 401
        assert post(port, FAILED, "off")[0] == 404
        assert post(port, FAILED, "zzz")[0] == 404
        assert post(port, sent("github", "ping", {})) == (200, {"status": "pong"})
        assert post(port, sent("github", "star", {})) == (200, {"status": "ignored"})
        lab = sent("gitlab", "Pipeline", gitlab_pipeline())
        signed = HookRequest("POST", {"content-type": "application/json", **standard(lab.body)}, lab.body)
        assert [post(port, signed, "lab")[1]["status"] for _ in range(2)] == ["accepted", "duplicate"]
        bot.message("pipeline.failed at GitLab", "failed jobs: test")
        assert bot.finish() == 0
    assert rows(tmp_path, "SELECT transport, account, sender, kind, state FROM messages ORDER BY id") == [
        ("hook", "hook/ci", "ci", "text", "answered"),
        ("hook", "hook/lab", "lab", "text", "answered"),
    ]
    assert rows(tmp_path, "SELECT count(*) FROM runs") == [(2,)]
    assert SECRET.encode() not in bot.stderr
    assert b"evil" not in bot.stderr
    assert bot.stderr.count(b"not signed with its secret") == 1
    assert b"tugbot hook secret off" in bot.stderr


def test_a_title_that_reads_like_a_command_is_none(tmp_path: Path) -> None:
    port = free_port()
    more = '[hooks.bare]\nkind = "github"\nsession = "console/a"\nrole = "operator"\ntext = "{title}"\n'
    with BotProcess(tmp_path, config(port, more), env={**ENV, "TUGBOT_HOOK_SECRET_BARE": SECRET}) as bot:
        until_it_listens(port)
        for title in ("stop all", "/delete harbour", "!stop", "help"):
            assert post(port, sent("github", "issues", github_issue(title=title)), "bare")[0] == 202
            bot.message("Webhook bare: issues.opened", f"> title: {title}")
        assert bot.finish() == 0
    assert rows(tmp_path, "SELECT DISTINCT kind FROM messages") == [("text",)]


def test_p1_p2_a_kill_behind_the_answer_loses_nothing_and_runs_nothing_twice(tmp_path: Path) -> None:
    port = free_port()
    with BotProcess(tmp_path, config(port), env=SLOW) as bot:
        until_it_listens(port)
        assert post(port, FAILED) == (202, {"status": "accepted"})
        bot.process.send_signal(signal.SIGKILL)
    with BotProcess(tmp_path, config(port), env=ENV) as bot:
        bot.message("The build of main failed", "Untrusted words")
        assert post(port, FAILED) == (202, {"status": "duplicate"})
        assert bot.finish() == 0
    assert rows(tmp_path, "SELECT state FROM runs") == [("succeeded",)]


def test_p1_what_was_not_answered_is_taken_when_it_is_sent_again(tmp_path: Path) -> None:
    port = free_port()
    with BotProcess(tmp_path, config(port), env=ENV) as bot:
        until_it_listens(port)
        bot.process.send_signal(signal.SIGSTOP)
        with pytest.raises(OSError):  # noqa: PT011 - whichever way the connection ends
            urllib.request.urlopen(
                urllib.request.Request(f"http://127.0.0.1:{port}/hooks/ci", FAILED.body, dict(FAILED.headers)),
                timeout=0.5,
            )
        bot.process.send_signal(signal.SIGKILL)
    with BotProcess(tmp_path, config(port), env=ENV) as bot:
        until_it_listens(port)
        assert [post(port, FAILED)[1]["status"] for _ in range(2)] == ["accepted", "duplicate"]
        bot.message("The build of main failed", "Untrusted words")
        assert bot.finish() == 0
    assert rows(tmp_path, "SELECT state FROM runs") == [("succeeded",)]


def test_a_members_words_need_a_project(tmp_path: Path) -> None:
    port = free_port()
    with BotProcess(tmp_path, config(port).replace('role = "operator"', 'role = "member"'), env=ENV) as bot:
        until_it_listens(port)
        assert post(port, FAILED) == (202, {"status": "refused"})
        bot.message("this conversation is about no project")
        assert bot.finish() == 0
    assert rows(tmp_path, "SELECT count(*) FROM runs") == [(0,)]


def test_a_hook_without_its_transport_ends_the_start(tmp_path: Path) -> None:
    with BotProcess(tmp_path, '[hooks.ci]\nkind = "github"\nsession = "slack/T1/C1"\n') as bot:
        assert bot.finish() == 2
        assert "`hooks.ci.session` is in slack, which is not set up" in bot.stderr.decode()


def test_a_gateway_that_is_off_ends_the_start(tmp_path: Path) -> None:
    toml = '[gateway]\nenabled = "off"\n[hooks.ci]\nkind = "github"\nsession = "console/a"\n'
    with BotProcess(tmp_path, toml) as bot:
        assert bot.finish() == 2
        assert "hooks.ci is called over HTTP" in bot.stderr.decode()
