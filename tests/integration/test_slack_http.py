"""The real program in Slack's HTTP mode: called through its gateway, killed and called again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.test_gateway import free_port
from tests.slack_bot import CAT, SlackBot
from tests.slack_fake import ANN, SlackServer
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
