"""The gateway of the real program: when there is one, and what a start says that cannot have it."""

from __future__ import annotations

import json
import signal
import socket
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from bot.gateway.model import Address
from bot.gateway.port import claim
from tests.bot_process import BotProcess

pytestmark = pytest.mark.integration


def free_port() -> int:
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def health(port: int) -> object:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/health", timeout=5) as answer:
        return json.loads(answer.read())


def test_it_answers_while_the_bot_lives_and_gives_its_port_back(tmp_path: Path) -> None:
    port = free_port()
    with BotProcess(tmp_path, f'[gateway]\nenabled = "on"\nport = {port}\n') as bot:
        bot.send("version", "e1")
        bot.ack("e1")
        assert health(port) == {"status": "ok"}
        assert bot.finish() == 0
    with pytest.raises(urllib.error.URLError):
        health(port)
    claim(Address(port=port)).close()


def test_a_crash_does_not_keep_the_port(tmp_path: Path) -> None:
    port = free_port()
    for number in range(2):
        with BotProcess(tmp_path, f'[gateway]\nenabled = "on"\nport = {port}\n') as bot:
            bot.send("version", f"e{number}")
            bot.ack(f"e{number}")
            assert health(port) == {"status": "ok"}
            bot.process.send_signal(signal.SIGKILL)


def test_nobody_listens_where_nobody_asked_for_it(tmp_path: Path) -> None:
    port = free_port()
    with BotProcess(tmp_path, f"[gateway]\nport = {port}\n") as bot:
        bot.send("version", "e1")
        bot.ack("e1")
        with pytest.raises(urllib.error.URLError):
            health(port)
        assert bot.finish() == 0


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("port = {taken}", "Port {taken} on 127.0.0.1 is in use by another program"),
        ('listen = "0.0.0.0"', "gateway.behind_proxy = true"),
        ('listen = "192.0.2.1"\nbehind_proxy = true', "Correct `gateway.listen`"),
        ('listen = "localhost"', "gateway.listen must be an IP address"),
        ("port = 65536", "gateway.port must be a whole number"),
        ('public_host = "https://tugbot.example.org"', "gateway.public_host must be a host name"),
    ],
)
def test_what_cannot_be_had_ends_the_start_with_one_line(tmp_path: Path, setting: str, said: str) -> None:
    with closing(claim(Address(port=0))) as other:
        taken = other.getsockname()[1]
        with BotProcess(tmp_path, f'[gateway]\nenabled = "on"\n{setting.format(taken=taken)}\n') as bot:
            assert bot.finish() == 2
            error = bot.stderr.decode()
    assert said.format(taken=taken) in error
    assert error.count("\n") == 1
    assert "Traceback" not in error
