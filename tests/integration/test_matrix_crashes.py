"""P1 and P2 in Matrix: the bot is killed again and again while a thousand messages come, in gaps wider than a sync."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.crashes import assert_every_answer_once, settled
from tests.matrix_bot import CAT, MatrixBot
from tests.matrix_encrypted import EncryptedPerson
from tests.matrix_person import Person
from tests.matrix_world import Synapse

pytestmark = [pytest.mark.integration, pytest.mark.slow]

ROOMS = 4
KILLS = int(os.environ.get("TUGBOT_KILLS", "20"))
MESSAGES = int(os.environ.get("TUGBOT_KILL_MESSAGES", "1000"))
BURST = 150  # messages of one room while the bot is down: more than one sync holds
SEED = int(os.environ.get("TUGBOT_SEED", "20261121"))


class Talker(threading.Thread):
    """Sends numbered messages to rooms in turn, some pace apart, until all are sent."""

    def __init__(self, person: Person, rooms: Sequence[str], count: int, pace: float) -> None:
        super().__init__()
        self.sent: dict[str, list[tuple[str, str]]] = {room: [] for room in rooms}  # event id and text
        self._person = person
        self._rooms = rooms
        self._count = count
        self._pace = pace
        self._number = 0
        self._lock = threading.Lock()

    def run(self) -> None:
        for number in range(self._count):
            self.say(self._rooms[number % len(self._rooms)])
            time.sleep(self._pace)

    def say(self, room: str) -> None:
        with self._lock:
            self._number += 1
            text = f"message-{self._number:05d}"
            self.sent[room].append((self._person.send(room, text), text))


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "encrypted"])
def test_p1_p2_sigkill_loses_nothing_and_answers_nothing_twice(tmp_path: Path, encrypted: bool) -> None:
    chance = random.Random(SEED)
    with ExitStack() as stack:
        server = stack.enter_context(Synapse(tmp_path / "synapse"))
        ann = server.user("ann")
        if encrypted:
            ann = stack.enter_context(EncryptedPerson(ann, tmp_path / "ann"))
        bot = MatrixBot(tmp_path / "bot", server, (ann,), agent="cat", more=CAT, matrix="e2ee = true\n" * encrypted)
        bot.place.mkdir()
        with bot.start() as process:
            rooms = [ann.create_room([bot.account], direct=True, encrypted=encrypted) for _ in range(ROOMS)]
            for room in rooms:
                ann.wait_member(room, bot.account)
            time.sleep(1.0)  # its device and keys are known to whoever encrypts for it
            process.process.kill()
        talker = Talker(ann, rooms, MESSAGES - 2 * BURST, 0.01)
        talker.start()
        for number in range(KILLS):
            with bot.start() as process:
                time.sleep(chance.uniform(0.4, 2.4))
                process.process.kill()
            if number in (KILLS // 3, 2 * KILLS // 3):
                for _ in range(BURST):
                    talker.say(rooms[0])
        talker.join()
        with bot.start() as process:
            settled(bot.rows, MESSAGES)
            assert process.end() == 0
        assert_every_message_once(bot, talker)
        shown = [each.text for room in rooms for each in ann.shown(room) if each.sender == bot.id]
        assert_every_answer_once(bot.rows, shown)


def assert_every_message_once(bot: MatrixBot, talker: Talker) -> None:
    for room, sent in talker.sent.items():
        rows = bot.rows(f"SELECT event_id, text FROM messages WHERE session = 'matrix/{room}' ORDER BY id")
        assert rows == sent, room
