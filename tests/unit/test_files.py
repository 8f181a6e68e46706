"""Files are fetched once, into a place of their own, under names that stay there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from transports.base import PermanentFailure, TemporaryFailure
from transports.files import Files, safe_name


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


def holding(content: bytes) -> Callable[[int], Awaitable[bytes]]:
    async def load(limit: int) -> bytes:
        if len(content) > limit:
            raise PermanentFailure("too large")
        return content

    return load


async def away(limit: int) -> bytes:
    raise TemporaryFailure("502: no answer")


async def silent(limit: int) -> bytes:
    return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]


async def test_a_file_is_fetched_once(tmp_path: Path) -> None:
    files = Files(tmp_path, 100)
    path = await files.fetch("$1", "../a.txt", holding(b"content"))
    assert path is not None
    assert (path.name, path.read_bytes()) == ("a.txt", b"content")
    assert path.is_relative_to(tmp_path)
    assert await files.fetch("$1", "../a.txt", away) == path
    assert [each.name for each in path.parent.iterdir()] == ["a.txt"]


async def test_files_of_one_name_do_not_meet(tmp_path: Path) -> None:
    files = Files(tmp_path, 100)
    one = await files.fetch("$1", "a.txt", holding(b"one"))
    two = await files.fetch("$2", "a.txt", holding(b"two"))
    assert one is not None
    assert two is not None
    assert (one.read_bytes(), two.read_bytes()) == (b"one", b"two")


async def test_what_is_too_large_is_not_fetched(tmp_path: Path) -> None:
    assert await Files(tmp_path, 3).fetch("$1", "a.txt", holding(b"four")) is None
    assert not any(tmp_path.iterdir())  # noqa: ASYNC240


async def test_files_that_came_together_share_their_time_and_what_takes_longer_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transports.files.FETCHING", 0.01)
    files = Files(tmp_path, 100)
    files.begin()
    assert await files.fetch("$1", "a.txt", silent) is None
    assert await files.fetch("$2", "b.txt", silent) is None


async def test_a_server_of_files_that_stays_away_holds_up_nothing(tmp_path: Path) -> None:
    assert await Files(tmp_path, 100).fetch("$1", "a.txt", away) is None
