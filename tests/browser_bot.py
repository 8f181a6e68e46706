"""A real bot whose page browsers open: it may be killed and started again at the same address."""

from __future__ import annotations

import random
import re
import socket
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from bot.access.tokens import Tokens
from tests.bot_process import BotProcess
from tests.browser_world import Visit, Visits

# Below the range that outgoing connections get theirs from, so that a port can be had again after a restart.
PORTS = range(20_000, 30_000)
OWN = "web/console:root"  # the conversation of whoever is logged in by a link that the console gave
LINK = re.compile(r"http://[^\s|>]+/login#[\w-]+")


def free_port() -> int:
    for port in random.sample(PORTS, 100):
        with closing(socket.socket()) as found:
            try:
                found.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port")


class PageBot:
    """At an address of its own, through all its starts."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.port = free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        (place / "data").mkdir(mode=0o700, exist_ok=True)
        self.token = Tokens(place / "data").create("watch", "owner")
        self._numbers = count(1)
        self._given: set[str] = set()
        self.process: BotProcess
        self.configure()

    # ------------------------------------------------------------ its life

    def configure(self, more: str = "", *, agent: str = "demo", gateway: str = "") -> None:
        """For the next start. `gateway`: lines of its table; `more`: TOML behind all tables."""
        table = f"{self.gateway}{gateway}"
        self.config = f'default_agent = "{agent}"\n{table}[dispatcher]\nwindow = 0.05\n{more}'

    @property
    def gateway(self) -> str:
        """The beginning of its table in bot.toml."""
        return f'[gateway]\nenabled = "on"\nport = {self.port}\n'

    def start(self) -> None:
        self.process = BotProcess(self.place, self.config)
        self.tell("version")

    def kill(self) -> None:
        self.process.__exit__()

    def tell(self, text: str, session: str = "a") -> str:
        """Say something on the console; the event's name."""
        event = f"t{next(self._numbers)}"
        self.process.send(text, event, session)
        assert self.process.ack(event)["type"] == "ack"
        return event

    def link(self) -> str:
        """A link that logs a browser in, as the person at the console."""
        self.tell("page")
        said = self.process.wait(lambda line: bool(_links(line) - self._given))
        (link,) = _links(said)
        self._given.add(link)
        return link

    async def log_in(self, visit: Visit, link: str = "") -> None:
        """Into the page. Without a link: as the person at the console."""
        await visit.page.goto(link or self.link())
        await visit.page.get_by_role("button", name="Log in").click()
        await visit.page.wait_for_url(f"{self.origin}/")

    def database(self) -> sqlite3.Connection:
        """For what takes too long to come about in earnest. Only while it does not run."""
        return sqlite3.connect(self.place / "data" / "tugbot.db")

    # ------------------------------------------------------------ what the API says of it

    async def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.token}"}
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, f"{self.origin}/api/v1{path}", json=body, headers=headers) as answer,
        ):
            return answer.status, await answer.json()


def _links(line: Mapping[str, Any]) -> set[str]:
    return set(LINK.findall(str(line.get("text"))))


def key(session: str) -> str:
    return quote(session, safe="")


@pytest.fixture
def page_bot(tmp_path: Path) -> Iterator[PageBot]:
    bot = PageBot(tmp_path)
    try:
        bot.start()
        yield bot
    finally:
        bot.kill()


@pytest.fixture
async def visit(page_bot: PageBot, visits: Visits) -> Visit:
    """The page, open, for whoever sits at the console."""
    opened = await visits.open(page_bot.origin)
    await page_bot.log_in(opened)
    return opened
