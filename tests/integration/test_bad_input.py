"""Whatever comes in, there is a clear answer, nothing is lost, and the bot lives on. The real program throughout."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bot_process import COMMAND, BotProcess, environment

pytestmark = pytest.mark.integration

FAST = "[dispatcher]\nwindow = 0.05\n"
SH = '\n[agents.sh]\nbackend = "command"\ncommand = ["sh", "-c", "{script}"]\n'


def agent(script: str, more: str = "") -> str:
    return 'default_agent = "sh"\n' + more + FAST + SH.format(script=script)


def refused(place: Path, config: str = "", *more: str) -> str:
    """What the program says when it does not start."""
    (place / "bot.toml").write_text(config)
    arguments = ["--config", "bot.toml", *(more or ("--data", "data"))]
    ended = subprocess.run(
        [*COMMAND, *arguments], cwd=place, env=environment(place), input=b"hello\n", capture_output=True, timeout=30
    )
    assert ended.returncode == 2, ended.stderr.decode()
    assert not ended.stdout
    complaint = ended.stderr.decode()
    assert complaint.count("\n") == 1, complaint
    assert "Traceback" not in complaint
    return complaint


def lives(bot: BotProcess) -> None:
    """It still takes a message and answers a command."""
    bot.send("version", "still-alive", "z")
    assert bot.ack("still-alive")["status"] == "accepted"
    bot.wait(lambda said: said["type"] == "message" and said["session"] == "z")


# ---------------------------------------------------------------- at the start


def test_broken_toml(tmp_path: Path) -> None:
    complaint = refused(tmp_path, "[dispatcher\nwindow = 1")
    assert "bot.toml" in complaint
    assert "line 1" in complaint


def test_a_mistyped_setting_names_the_nearest(tmp_path: Path) -> None:
    complaint = refused(tmp_path, "[dispatcher]\nwindw = 1")
    assert "dispatcher.windw" in complaint
    assert "window" in complaint


def test_a_data_directory_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    assert "a file where a directory must be" in refused(tmp_path)


def test_a_database_newer_than_the_program(tmp_path: Path) -> None:
    with BotProcess(tmp_path) as bot:
        assert bot.finish() == 0
    with sqlite3.connect(tmp_path / "data" / "tugbot.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999_from_the_future'")
    connection.close()
    assert "9999_from_the_future" in refused(tmp_path)


def test_a_second_instance_names_the_first(tmp_path: Path) -> None:
    with BotProcess(tmp_path) as bot:
        lives(bot)
        assert str(bot.process.pid) in refused(tmp_path)
        lives(bot)


# ---------------------------------------------------------------- agents


def test_a_missing_agent_program(tmp_path: Path) -> None:
    config = 'default_agent = "none"\n' + FAST + '[agents.none]\nbackend = "command"\ncommand = ["no-such-program"]\n'
    with BotProcess(tmp_path, config) as bot:
        bot.send("hello", "1")
        bot.message("no-such-program", "retry 1")
        lives(bot)
        assert bot.finish() == 1


@pytest.mark.parametrize("script", ["yes | head -c 100000000", "head -c 60000000 /dev/zero | tr '\\\\0' y"])
def test_an_agent_that_prints_far_too_much(tmp_path: Path, script: str) -> None:
    with BotProcess(tmp_path, agent(script)) as bot:
        bot.send("go on", "1")
        bot.wait(lambda said: said["type"] == "message" and said["run"] == 1)
        lives(bot)
        assert bot.finish() == 0
        shown = sum(len(said["text"]) for said in bot.said if said["type"] == "message")
        assert 900_000 < shown < 1_200_000


def test_an_agent_that_prints_no_text(tmp_path: Path) -> None:
    with BotProcess(tmp_path, agent(r"printf 'a\\377\\000\\033[31mb'")) as bot:
        bot.send("hello", "1")
        assert bot.message("a")["text"] == "a�b"
        assert bot.finish() == 0


# ---------------------------------------------------------------- messages


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    ended = subprocess.run(
        [*COMMAND, "--data", str(tmp_path / "data")],
        env=environment(tmp_path),
        input=b"caf\xe9\x00 \x1b[2J\n",
        capture_output=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr.decode()
    assert "caf�" in ended.stdout.decode()
    assert b"\x1b" not in ended.stdout


def test_a_line_of_sixty_megabytes_and_a_message_of_33_kilobytes(tmp_path: Path) -> None:
    with BotProcess(tmp_path, FAST) as bot:
        for event, length in (("huge", 60_000_000), ("long", 33_000)):
            bot.send("x" * length, event)
            assert bot.ack(event)["status"] == "refused"
        bot.message("33,000 bytes", "32,000")
        bot.message("60,000,000 bytes")
        lives(bot)


def test_three_hundred_messages_in_a_second(tmp_path: Path) -> None:
    with BotProcess(tmp_path, agent("cat", "")) as bot:
        for number in range(300):
            bot.send(f"m{number}", f"e{number}")
        statuses = [bot.ack(f"e{number}")["status"] for number in range(300)]
        assert bot.finish() == 0
    answered = "\n".join(said["text"] for said in bot.said if said["type"] == "message" and said["kind"] == "answer")
    for number, status in enumerate(statuses):
        assert status in ("accepted", "refused")
        assert (f"m{number}" in answered.split()) == (status == "accepted")
    notices = [said for said in bot.said if said["type"] == "message" and said["kind"] == "refusal"]
    assert bool(notices) == ("refused" in statuses)


# ---------------------------------------------------------------- the disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("mounting a tmpfs needs root")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk: Path) -> Path:
    """Take every block that is left."""
    hog = disk / "hog"
    with open(hog, "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            return hog


def test_a_full_disk_accepts_nothing_and_loses_nothing(small_disk: Path) -> None:
    with BotProcess(small_disk, agent("cat")) as bot:
        bot.send("before", "1")
        bot.message("before")
        hog = fill(small_disk)
        bot.send("while full " + "x" * 20_000, "2")
        assert bot.ack("2")["type"] == "nack"
        hog.unlink()
        bot.send("after", "3")
        assert bot.ack("3")["status"] == "accepted"
        bot.message("after")
        assert bot.finish() == 0


def test_stop_acts_though_the_disk_is_full(small_disk: Path, tmp_path: Path) -> None:
    beat = tmp_path / "beat"
    beat.mkdir()
    script = f"while sleep 0.05; do echo x >> {beat}/file; done"
    config = agent(script) + f'paths = ["{beat}"]\n'
    with BotProcess(small_disk, config) as bot:
        bot.send("work", "1")
        wait_until(lambda: (beat / "file").exists())
        hog = fill(small_disk)
        bot.send("stop", "2")
        bot.wait(lambda said: said.get("event_id") == "2" or "Stopped" in said.get("text", ""))
        wait_until(lambda: is_still(beat / "file"), 3.0)
        hog.unlink()
        bot.send("stop", "3")
        bot.ack("3")
        lives(bot)


def test_stop_acts_at_once_whatever_is_queued(tmp_path: Path) -> None:
    beat = tmp_path / "beat"
    beat.mkdir()
    script = f"while sleep 0.02; do echo x >> {beat}/$TUGBOT_RUN; done"
    config = agent(script) + f'paths = ["{beat}"]\n'
    with BotProcess(tmp_path, config) as bot:
        for session in range(50):
            bot.send("begin", f"begin-{session}", f"s{session}")
        wait_until(lambda: len(list(beat.iterdir())) == 4)
        for number in range(200 * 50):
            bot.send(f"m{number}", f"e{number}", f"s{number % 50}")
        bot.ack("e9999")
        bot.send("stop all", "stop")
        wait_until(lambda: all(is_still(file) for file in beat.iterdir()), 5.0)
        receipt = bot.message("Stopped run")
        assert "verified gone" in receipt["text"]
        lives(bot)
        assert bot.finish() == 0


def wait_until(holds: object, patience: float = 20.0) -> None:
    deadline = time.monotonic() + patience
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)


def is_still(file: Path) -> bool:
    size = file.stat().st_size
    time.sleep(0.15)
    return file.stat().st_size == size
