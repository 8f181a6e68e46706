"""The real program in Slack's HTTP mode: called through its gateway, killed and called again."""

from __future__ import annotations

import json
import socket
import time
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from tests.integration.test_gateway import free_port
from tests.slack_bot import CAT, SlackBot, heard, shown
from tests.slack_fake import ANN, SlackServer
from tests.slack_fake.signed import signature
from transports.slack.http import PATH

pytestmark = pytest.mark.integration


def bot_on(place: Path, slack: SlackServer, port: int, gateway: str = "") -> SlackBot:
    more = f"{CAT}[gateway]\nport = {port}\n{gateway}"
    return SlackBot(place, slack, (ANN,), agent="cat", settings='mode = "http"\n', more=more)


def test_slack_calls_and_is_answered_across_a_crash(tmp_path: Path) -> None:
    port = free_port()
    with SlackServer(schedule=(0.5, 1.0, 5.0, 10.0)) as slack:
        slack.over_http(f"http://127.0.0.1:{port}{PATH}")
        dm, bot = slack.dm(ANN), bot_on(tmp_path, slack, port)
        with bot.start() as process:
            slack.say(dm, ANN, "the first word")  # before anybody listens: Slack calls again
            slack.wait(lambda: "the first word\n—" in "".join(slack.said(dm)), 30)  # its last edit
            assert slack.verify()
            process.process.kill()
        slack.say(dm, ANN, "the second word")  # nobody is there
        with bot.start() as process:
            slack.wait(lambda: "the second word\n—" in "".join(slack.said(dm)), 30)
            assert process.end() == 0
        assert [said.count("the first word") for said in slack.said(dm)] == [1, 0]
        assert [said.count("the second word") for said in slack.said(dm)] == [0, 1]


def test_a_gateway_that_is_off_ends_the_start(tmp_path: Path) -> None:
    with SlackServer() as slack, bot_on(tmp_path, slack, free_port(), 'enabled = "off"\n').start() as process:
        assert process.finish() == 2
        assert "slack is called over HTTP, but `gateway.enabled` is" in process.stderr.decode()


def test_all_that_slack_calls_for(tmp_path: Path) -> None:
    port = free_port()
    with SlackServer(schedule=(0.5, 1.0, 5.0)) as slack:
        slack.over_http(f"http://127.0.0.1:{port}{PATH}")
        bot = bot_on(tmp_path, slack, port)
        bot.agent = "demo"
        with bot.start() as process:
            dm, channel = slack.dm(ANN), slack.channel(ANN)
            slack.say(dm, ANN, "version")  # commands and presses are not tried again; this is
            heard(slack, dm, "tugbot 0", patience=30)
            assert slack.answered(slack.command(ANN, channel, "status"))
            heard(slack, channel, "Books")
            asked = slack.say(channel, ANN, "@tugbot ask")
            question = heard(slack, channel, "Answer `allow`", thread=asked)
            assert slack.answered(slack.press(ANN, channel, question.ts, "Deny")) is None
            heard(slack, channel, "The answer was: reject-once", "—", thread=asked)
            slack.wait(lambda: not shown(slack, channel, asked, question.ts).buttons)
            growing = slack.say(channel, ANN, "@tugbot slow 80")
            press = heard(slack, channel, "word 3", thread=growing)
            slack.press(ANN, channel, press.ts, "Stop")
            heard(slack, channel, "Stopped run 2", thread=growing)
            slack.say(dm, ANN, "", files={"notes.txt": b"a note"})
            heard(slack, dm, "notes.txt", "—")
            assert not slack.lost
            assert process.end() == 0
        assert not slack.calls("apps.connections.open")


def test_p11_nobody_but_slack_is_heard(tmp_path: Path) -> None:
    port = free_port()
    with SlackServer() as slack:
        dm, bot = slack.dm(ANN), bot_on(tmp_path, slack, port)
        url = f"http://127.0.0.1:{port}{PATH}"
        slack.over_http(url)
        with bot.start() as process:
            slack.wait(lambda: answers(port), 30)
            slack.say(dm, ANN, "good")
            heard(slack, dm, "good", "—")
            good = next(each for each in slack.deliveries if each.event.get("text") == "good")
            forged = json.dumps({**good.payload, "event": {**good.event, "text": "evil", "ts": "1.1"}}).encode()
            stamp, old = str(int(time.time())), str(int(time.time()) - 360)
            mine = signature(slack.signing_secret, stamp, forged)
            other = signature("0" * 32, stamp, forged)
            refused = [
                (forged, {}, 401),
                (forged, signed(stamp, other), 401),
                (forged, signed(old, signature(slack.signing_secret, old, forged)), 401),
                (forged + b" ", signed(stamp, mine), 401),
                (b"{", signed(stamp, signature(slack.signing_secret, stamp, b"{")), 400),
                (b"\xff\x00", signed(stamp, "v0=" + "0" * 64), 401),
            ]
            for body, headers, expected in refused:
                assert called(url, body, headers) == expected, (body, headers)
            assert called(url, b"", {}, "GET") == 405
            assert called(f"http://127.0.0.1:{port}/slack/", b"", {}, "GET") == 404
            again = json.dumps({**good.payload, "event_id": "Ev0REPLAY"}).encode()
            sealed = signed(stamp, signature(slack.signing_secret, stamp, again))
            assert [called(url, again, sealed) for _ in range(2)] == [200, 409]
            slack.say(dm, ANN, "still there")
            heard(slack, dm, "still there", "—")
            assert process.end() == 0
        assert bot.rows("SELECT text FROM messages ORDER BY id") == [("good",), ("still there",)]
    assert slack.signing_secret.encode() not in process.stderr
    assert process.stderr.count(b"not signed with our signing secret") <= 1


def test_a_port_that_is_taken_ends_the_start(tmp_path: Path) -> None:
    with SlackServer() as slack, closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = int(other.getsockname()[1])
        with bot_on(tmp_path, slack, port).start() as process:
            assert process.finish() == 2
            assert f"Port {port} on 127.0.0.1 is in use" in process.stderr.decode()
        assert not slack.calls()


def answers(port: int) -> bool:
    """Whether the bot's gateway does."""
    try:
        return called(f"http://127.0.0.1:{port}/api/v1/health", b"", {}, "GET") == 200
    except OSError:
        return False


def signed(stamp: str, seal: str) -> dict[str, str]:
    return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": seal, "Content-Type": "application/json"}


def called(url: str, body: bytes, headers: dict[str, str], method: str = "POST") -> int:
    """The status."""
    request = urllib.request.Request(url, data=body or None, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code
