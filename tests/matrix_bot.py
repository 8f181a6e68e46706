"""The real bot on a real homeserver: its settings, its process, and what its database says."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bot_process import BotProcess
from tests.matrix_person import Person
from tests.matrix_timeline import Said
from tests.matrix_world import Synapse

CAT = '[agents.cat]\nbackend = "command"\ncommand = ["cat"]\n'  # answers with what it is given


@dataclass
class MatrixBot:
    """A bot's account, settings and data; several starts of one bot may use them."""

    place: Path
    server: Synapse
    owners: tuple[Person, ...] = ()
    agent: str = "demo"
    window: float = 0.1
    matrix: str = ""  # further lines of [transports.matrix]
    more: str = ""  # further tables
    name: str = "tugbot"
    account: Person = field(init=False)

    def __post_init__(self) -> None:
        self.account = self.server.user(self.name)
        self.account.set_name("Tugbot")  # the id has a number where others were first

    @property
    def id(self) -> str:
        return self.account.id

    @property
    def data(self) -> Path:
        return self.place / "data"

    def start(self, **options: Any) -> BotProcess:
        config = (
            f'default_agent = "{self.agent}"\n'
            f"[dispatcher]\nwindow = {self.window}\nmax_waiting = 5000\n"
            f'[transports.matrix]\nhomeserver = "{self.server.url}"\nuser = "{self.id}"\n{self.matrix}'
            f"[access]\nallow = {json.dumps([owner.id for owner in self.owners])}\n{self.more}"
        )
        token = options.pop("token", self.account.token)
        env = {"TUGBOT_MATRIX_TOKEN": token, **options.pop("env", {})}
        return BotProcess(self.place, config, env=env, **options)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What its database holds; ask when nobody writes, or take what was committed last."""
        with contextlib.closing(sqlite3.connect(f"file:{self.data / 'tugbot.db'}?mode=ro", uri=True)) as database:
            return list(database.execute(query))

    def conversation(self, person: Person, *others: Person) -> str:
        """A room of the person with the bot, and others who have joined it."""
        room = person.create_room([self.account, *others], direct=not others)
        for other in others:
            other.join(room)
        person.wait_member(room, self.account)
        return room


def by(bot: MatrixBot, *parts: str) -> Any:
    """Whether the bot said all of it, for Person.wait."""

    def wanted(said: Said) -> bool:
        return said.sender == bot.id and all(part in said.text for part in parts)

    return wanted
