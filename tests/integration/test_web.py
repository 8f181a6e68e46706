"""The page as a transport of the real bot: what is said there, what is kept of it, and what keeps the bot alive."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from bot.access.tokens import Tokens
from bot.gateway.model import Address
from bot.gateway.port import claim
from tests.api_world import key
from tests.bot_process import COMMAND, PATIENCE, BotProcess
from tests.integration.test_gateway import free_port, health
from tests.integration.test_gateway_api import Person

pytestmark = pytest.mark.integration

HOME = "web/api:ci"
SETTLED = ("sent", "possible_repeat")


class World:
    """One data directory, and bots that live in it one after another."""

    def __init__(self, place: Path) -> None:
        (place / "data").mkdir(mode=0o700)
        self.place = place
        self.port = free_port()
        self.ci = Person(self.port, Tokens(place / "data").create("ci", "operator"))

    @contextmanager
    def bot(self, enabled: str = "on", *more: str) -> Iterator[BotProcess]:
        gateway = f'[gateway]\nenabled = "{enabled}"\nport = {self.port}\n'
        config = f'default_agent = "demo"\n{gateway}[dispatcher]\nwindow = 0.05\n'
        with BotProcess(self.place, config, command=(*COMMAND, *more)) as process:
            eventually(lambda: self._answers(process))
            yield process

    def _answers(self, process: BotProcess) -> bool:
        assert process.process.poll() is None, process.stderr.decode()
        try:
            return bool(health(self.port))
        except OSError:
            return False

    def say(self, text: str, event_id: str) -> None:
        status, said = self.ci.ask("POST", f"/sessions/{key(HOME)}/messages", {"text": text, "event_id": event_id})
        assert (status, said["duplicate"]) == (202, False)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"file:{self.place}/data/tugbot.db?mode=ro", uri=True)) as database:
            return database.execute(query).fetchall()

    def change(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.place / "data/tugbot.db")) as database, database:
            for statement in statements:
                database.execute(statement)

    def shown(self) -> list[tuple[Any, ...]]:
        return self.rows("SELECT key, kind, parts FROM transcript WHERE session = 'web/api:ci' ORDER BY id")

    def all_delivered(self) -> bool:
        states = [state for (state,) in self.rows("SELECT state FROM outbox WHERE target LIKE 'web/%'")]
        return bool(states) and all(state in SETTLED for state in states)

    def each_is_shown_once(self) -> None:
        keys = sorted(row[0] for row in self.rows("SELECT key FROM outbox WHERE target LIKE 'web/%'"))
        assert sorted(each[0] for each in self.shown()) == keys


def eventually(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_what_the_agent_answers_is_shown_and_delivered(world: World) -> None:
    with world.bot() as process:
        world.say("hello there", "e1")
        eventually(world.all_delivered)
        (answer,) = world.shown()
        assert (answer[0], answer[1]) == ("run/1/1", "answer")
        assert "hello there" in answer[2]
        world.say("version", "e2")
        eventually(lambda: len(world.shown()) == 2 and world.all_delivered())
        assert [each[:2] for each in world.shown()] == [("run/1/1", "answer"), ("command/2", "receipt")]
        world.each_is_shown_once()
        assert process.finish() == 0  # the page alone is no reason to stay


def test_a_question_stands_below_the_reply_of_its_run(world: World) -> None:
    with world.bot() as process:
        world.say("hello there", "e1")
        eventually(world.all_delivered)
        world.say("ask", "e2")  # of an agent that rests, and so asks sooner than a reply gathers
        eventually(lambda: "permission" in [kind for _, kind, _ in world.shown()])
        _, (_, kind, header), question = world.shown()
        assert (kind, question[:2]) == ("stream", ("run/2/permission/1", "permission"))
        assert "run 2" in header
        world.say("allow", "e3")
        eventually(lambda: not world.rows("SELECT id FROM runs WHERE ended_at IS NULL") and world.all_delivered())
        assert process.finish() == 0


@pytest.mark.parametrize("delay", [0.0, 0.01, 0.03, 0.1, 0.3])
def test_whenever_it_is_killed_each_answer_is_shown_once(world: World, delay: float) -> None:
    with world.bot() as process:
        world.say("version", "e1")
        world.say("hello there", "e2")
        time.sleep(delay)
        process.process.send_signal(signal.SIGKILL)
        process.process.wait(PATIENCE)
    with world.bot() as process:
        eventually(lambda: not world.rows("SELECT id FROM messages WHERE state IN ('waiting', 'accepted', 'claimed')"))
        eventually(world.all_delivered)
        assert process.end() == 0
    shown = [each[0] for each in world.shown() if each[0]]  # of a run that was cut off there may be words as well
    assert sorted(shown) == sorted(row[0] for row in world.rows("SELECT key FROM outbox WHERE target LIKE 'web/%'"))


@pytest.mark.parametrize("recorded", [False, True])
def test_what_was_in_the_outbox_is_delivered_after_a_restart_once(world: World, recorded: bool) -> None:
    """Killed before the page had it, or after and before that was noted."""
    with world.bot() as process:
        world.say("version", "e1")
        eventually(lambda: world.shown() and world.all_delivered())
        (before,) = world.shown()
        process.process.send_signal(signal.SIGKILL)
        process.process.wait(PATIENCE)
    world.change("UPDATE outbox SET state = 'sending', settled_at = NULL, ref = ''")
    if not recorded:
        world.change("DELETE FROM transcript")
    with world.bot() as process:
        eventually(world.all_delivered)
        assert world.shown() == [before]
        assert process.end() == 0


def test_other_conversations_are_kept_for_the_page(world: World) -> None:
    with world.bot() as process:
        process.send("version", "e1", "work")
        process.message("tugbot")
        process.send("hello there", "e2", "work")
        process.message("hello there")
        kept = "SELECT key, ref FROM transcript WHERE session = 'console/work' ORDER BY id"
        eventually(lambda: len(world.rows(kept)) == 2)
        assert [row[0] for row in world.rows(kept)] == ["command/1", "run/1/1"]
        process.send("page", "e3", "work")
        link = process.message("/login#")["text"]
        eventually(lambda: len(world.rows(kept)) == 3)
        assert process.end() == 0
    dump = str(world.rows("SELECT * FROM transcript") + world.rows("SELECT * FROM outbox"))
    assert "/login#" not in dump
    assert link.partition("#")[2][:20] not in dump


def test_no_link_to_the_page_is_given_on_the_page(world: World) -> None:
    with world.bot() as process:
        world.say("page", "e1")
        eventually(lambda: world.shown() and world.all_delivered())
        assert process.end() == 0
    dump = str(world.rows("SELECT * FROM transcript") + world.rows("SELECT * FROM outbox"))
    assert "You are on the page" in dump
    assert "/login#" not in dump


def test_the_page_alone_keeps_it_alive_where_it_was_asked_for(world: World) -> None:
    with world.bot("auto", "--transport", "web") as process:
        assert process.process.stdin
        process.process.stdin.close()
        world.say("hello there", "e1")
        eventually(world.all_delivered)
        assert process.end() == 0


def test_the_page_needs_the_gateway(tmp_path: Path) -> None:
    with BotProcess(tmp_path, '[gateway]\nenabled = "off"\n', command=(*COMMAND, "--transport", "web")) as process:
        assert process.finish() == 2
        assert "web is called over HTTP" in process.stderr.decode()


MATRIX = '[transports.matrix]\nhomeserver = "http://127.0.0.1:9"\nuser = "@tugbot:example.org"\n'


def test_a_taken_port_is_no_reason_not_to_start_where_nobody_asked_for_the_page(tmp_path: Path) -> None:
    with closing(claim(Address(port=0))) as other:
        port = other.getsockname()[1]
        config = f"[gateway]\nport = {port}\n{MATRIX}"
        with BotProcess(tmp_path, config, env={"TUGBOT_MATRIX_TOKEN": "syt_x"}) as process:
            process.send("status", "e1")
            told = f"There is no page. Port {port} on 127.0.0.1 is in use by another program"
            assert "choose another port: `gateway.port`" in process.message(told)["text"]
            assert process.stderr.decode().count(told) == 1
            assert process.end() == 0


def test_piped_input_alone_has_no_page(tmp_path: Path) -> None:
    port = free_port()
    with BotProcess(tmp_path, f"[gateway]\nport = {port}\n") as process:
        process.send("version", "e1")
        process.message("tugbot")
        with pytest.raises(OSError, match="refused"):
            health(port)
        assert process.finish() == 0
    with closing(sqlite3.connect(tmp_path / "data/tugbot.db")) as database:
        assert database.execute("SELECT count(*) FROM transcript").fetchone() == (0,)
