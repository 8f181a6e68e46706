"""P1 and P2 in Slack: the bot is killed around acknowledgements, again and again, while some events come twice."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.bot_process import BotProcess
from tests.crashes import assert_every_answer_once, settled
from tests.slack_bot import CAT, SlackBot
from tests.slack_fake import ANN, BOB, TEAM, SlackServer

pytestmark = [pytest.mark.integration, pytest.mark.slow]

KILLS = int(os.environ.get("TUGBOT_KILLS", "20"))
MESSAGES = int(os.environ.get("TUGBOT_KILL_MESSAGES", "1000"))
SEED = int(os.environ.get("TUGBOT_SEED", "20261121"))


class Talker(threading.Thread):
    """Says numbered things in channels in turn; some events come twice, and some acknowledgements get lost."""

    def __init__(self, slack: SlackServer, channels: Sequence[str], chance: random.Random) -> None:
        super().__init__()
        self.sent: dict[str, list[tuple[str, str]]] = {channel: [] for channel in channels}  # event id and text
        self._slack = slack
        self._chance = chance

    def run(self) -> None:
        channels = list(self.sent)
        for number in range(MESSAGES):
            channel = channels[number % len(channels)]
            text = f"message-{number:05d}"
            if self._chance.random() < 0.05:
                self._slack.courier.twice += 1
            if self._chance.random() < 0.05:
                self._slack.courier.unheard += 1
            said = text if channel.startswith("D") else f"@tugbot {text}"
            ts = self._slack.say(channel, ANN, said)
            self.sent[channel].append((f"{channel}:{ts}", text))
            time.sleep(0.01)


def killed_around_an_acknowledgement(slack: SlackServer, bot: BotProcess, chance: random.Random) -> None:
    """Some time after its start, at the moment when one more acknowledgement has come, or a moment later."""
    time.sleep(chance.uniform(0.4, 1.6))
    before, end = len(slack.courier.latencies()), time.monotonic() + 0.8
    while len(slack.courier.latencies()) == before and time.monotonic() < end:
        time.sleep(0.001)
    time.sleep(chance.choice((0.0, 0.0, 0.002, 0.01, 0.05)))
    bot.process.kill()


def test_p1_p2_sigkill_loses_nothing_and_answers_nothing_twice(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    with SlackServer(schedule=(0.1, 0.8, 2.0), patience=0.7) as slack:
        slack.person(BOB)
        channels = [slack.dm(ANN), *(slack.channel(ANN, BOB) for _ in range(3))]
        bot = SlackBot(tmp_path, slack, (ANN,), agent="cat", more=CAT)
        with bot.start() as process:
            slack.wait(lambda: slack.connected == 1, 30)
            slack.wait(lambda: bot.rows("SELECT 1 FROM keepsakes WHERE key = 'heard'"), 10)
            process.process.kill()
        talker = Talker(slack, channels, chance)
        talker.start()
        for _ in range(KILLS):
            with bot.start() as process:
                killed_around_an_acknowledgement(slack, process, chance)
        talker.join()
        with bot.start() as process:
            settled(bot.rows, MESSAGES)
            assert process.end() == 0
        assert_every_message_once(bot, talker)
        assert_every_answer_once(bot.rows, [text for channel in channels for text in slack.said(channel)])
        assert slack.lost  # some had to be read from the history


def assert_every_message_once(bot: SlackBot, talker: Talker) -> None:
    for channel, sent in talker.sent.items():
        rows = bot.rows(f"SELECT event_id, text FROM messages WHERE session = 'slack/{TEAM}/{channel}'")
        assert sorted(rows) == sorted(sent), channel
