"""Files are fetched once, into a place of their own, under names that stay there."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.matrix_fake import ANN, FakeHomeserver
from transports.base import TemporaryFailure
from transports.matrix.files import Files, safe_name
from transports.matrix.model import Event


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a.txt", "a.txt"),
        ("../../etc/passwd", "passwd"),
        ("C:\\x\\a.txt", "a.txt"),
        (".bashrc", "bashrc"),
        ("...", "file"),
        ("", "file"),
        ("a/", "file"),
        ("a\nb\x00\u202ec", "a_b__c"),
        ("-rf", "-rf"),
        ("x" * 300 + ".tar", "x" * 96 + ".tar"),
        ("été.pdf", "été.pdf"),
        ("\ud800.txt", "_.txt"),
    ],
)
def test_names(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def file(server: FakeHomeserver, content: bytes, event_id: str = "$1") -> Event:
    return Event(event_id, "!room", "m.room.message", ANN, 0.0, {"url": server.put_file(content)})


async def test_a_file_is_fetched_once(tmp_path: Path) -> None:
    server = FakeHomeserver()
    files, event = Files(server, tmp_path, 100), file(server, b"content")
    path = await files.fetch(event, "../a.txt")
    assert path is not None
    assert (path.name, path.read_bytes()) == ("a.txt", b"content")
    assert path.is_relative_to(tmp_path)
    server.faults["download"] = [TemporaryFailure("it was asked for again")]
    assert await files.fetch(event, "../a.txt") == path
    assert [each.name for each in path.parent.iterdir()] == ["a.txt"]


async def test_files_of_one_name_do_not_meet(tmp_path: Path) -> None:
    server = FakeHomeserver()
    files = Files(server, tmp_path, 100)
    one = await files.fetch(file(server, b"one", "$1"), "a.txt")
    two = await files.fetch(file(server, b"two", "$2"), "a.txt")
    assert one is not None
    assert two is not None
    assert (one.read_bytes(), two.read_bytes()) == (b"one", b"two")


async def test_what_is_too_large_or_gone_is_not_fetched(tmp_path: Path) -> None:
    server = FakeHomeserver()
    files = Files(server, tmp_path, 3)
    assert await files.fetch(file(server, b"four"), "a.txt") is None
    assert await files.fetch(Event("$2", "!room", "m.room.message", ANN, 0.0, {"url": 7}), "a.txt") is None
    assert not any(tmp_path.iterdir())  # noqa: ASYNC240


async def test_files_of_a_sync_share_their_time_and_what_takes_longer_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Silent(FakeHomeserver):
        async def download(self, content: Mapping[str, Any], limit: int) -> bytes:
            return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

    monkeypatch.setattr("transports.matrix.files.FETCHING", 0.01)
    server = Silent()
    files = Files(server, tmp_path, 100)
    files.begin()
    assert await files.fetch(file(server, b"one", "$1"), "a.txt") is None
    assert await files.fetch(file(server, b"two", "$2"), "b.txt") is None


async def test_a_server_of_files_that_stays_away_holds_up_nothing(tmp_path: Path) -> None:
    server = FakeHomeserver()
    files, event = Files(server, tmp_path, 100), file(server, b"content")
    server.faults["download"] = [TemporaryFailure("502: no answer")]
    assert await files.fetch(event, "a.txt") is None
