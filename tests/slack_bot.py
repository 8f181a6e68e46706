"""The real bot in a fake Slack: its settings, its process, and what its database says."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bot_process import BotProcess
from tests.slack_fake import TEAM, Shown, SlackServer

CAT = '[agents.cat]\nbackend = "command"\ncommand = ["cat"]\n'  # answers with what it is given


@dataclass
class SlackBot:
    """A bot's settings and data; several starts of one bot may use them."""

    place: Path
    slack: SlackServer
    owners: tuple[str, ...] = ()
    agent: str = "demo"
    window: float = 0.1
    team: str = TEAM
    settings: str = ""  # further lines of [transports.slack]
    more: str = ""  # further tables

    @property
    def data(self) -> Path:
        return self.place / "data"

    def start(self, **options: Any) -> BotProcess:
        allowed = json.dumps([f"slack:{owner}" for owner in self.owners])
        config = (
            f'default_agent = "{self.agent}"\n'
            f"[dispatcher]\nwindow = {self.window}\nmax_waiting = 5000\n"
            f'[transports.slack]\nteam = "{self.team}"\n{self.settings}'
            f"[access]\nallow = {allowed}\n{self.more}"
        )
        env = {
            "TUGBOT_SLACK_BOT_TOKEN": self.slack.token,
            "TUGBOT_SLACK_APP_TOKEN": self.slack.app_token,
            "TUGBOT_SLACK_SIGNING_SECRET": self.slack.signing_secret,
            "TUGBOT_SLACK_API": self.slack.api,
            **options.pop("env", {}),
        }
        return BotProcess(self.place, config, env=env, **options)

    def is_up(self) -> None:
        """Waits until it listens."""
        self.slack.wait(lambda: self.slack.connected == 1, 30)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What its database holds; ask when nobody writes, or take what was committed last."""
        with contextlib.closing(sqlite3.connect(f"file:{self.data / 'tugbot.db'}?mode=ro", uri=True)) as database:
            return list(database.execute(query))


def heard(
    slack: SlackServer, channel: str, *parts: str, thread: str | None = None, but: str = "", patience: float = 15
) -> Shown:
    """Waits for a message of the bot's that holds all of this: at the channel's top, or in this thread.

    `but`: ts of one that is not meant.
    """

    def found() -> list[Shown]:
        said = [each for each in slack.shown(channel, thread) if each.by_bot and each.ts != but]
        return [each for each in said if all(part in each.text for part in parts)]

    return slack.wait(found, patience)[0]


def shown(slack: SlackServer, channel: str, thread: str | None, ts: str) -> Shown:
    """That message, as it is now."""
    every: list[Shown] = slack.shown(channel, thread)
    return next(each for each in every if each.ts == ts)
