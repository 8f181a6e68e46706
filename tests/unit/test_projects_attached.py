"""The streams of a container: cut anywhere, they come out whole; and what the starter inside is told."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.projects.attached import ERRORS, OUTPUT, Demultiplexer, told

ENTER = Path(__file__).parents[2] / "docker/base/lib/enter"


def framed(stream: int, data: bytes) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(data).to_bytes(4, "big") + data


def together(pieces: list[tuple[int, bytes]]) -> dict[int, bytes]:
    return {stream: b"".join(data for each, data in pieces if each == stream) for stream in (OUTPUT, ERRORS)}


FRAMES = st.lists(st.tuples(st.sampled_from((OUTPUT, ERRORS)), st.binary(max_size=300)), max_size=12)


@given(FRAMES, st.lists(st.integers(0, 4000)))
def test_however_the_stream_is_cut_each_side_gets_its_own_in_order(
    frames: list[tuple[int, bytes]], cuts: list[int]
) -> None:
    whole = b"".join(framed(stream, data) for stream, data in frames)
    edges = [0, *sorted(cut for cut in cuts if cut <= len(whole)), len(whole)]
    streams, found = Demultiplexer(), []
    for start, end in pairwise(edges):
        found += streams.feed(whole[start:end])
    assert together(found) == together(frames)


@given(FRAMES)
def test_byte_by_byte_is_as_good_as_at_once(frames: list[tuple[int, bytes]]) -> None:
    whole = b"".join(framed(stream, data) for stream, data in frames)
    streams = Demultiplexer()
    slowly = [piece for at in range(len(whole)) for piece in streams.feed(whole[at : at + 1])]
    at_once = Demultiplexer().feed(whole)
    assert together(slowly) == together(at_once)
    assert at_once == [frame for frame in frames if frame[1]]


def test_what_has_come_is_given_at_once_although_its_frame_goes_on() -> None:
    streams = Demultiplexer()
    frame = framed(OUTPUT, b"hello world")
    assert streams.feed(frame[:5]) == []
    assert streams.feed(frame[5:13]) == [(OUTPUT, b"hello")]
    assert streams.feed(frame[13:] + framed(ERRORS, b"oh")[:7]) == [(OUTPUT, b" world")]
    assert streams.feed(framed(ERRORS, b"oh")[7:]) == [(ERRORS, b"oh")]


def test_empty_frames_and_nothing_at_all_give_nothing() -> None:
    streams = Demultiplexer()
    assert streams.feed(b"") == []
    assert streams.feed(framed(OUTPUT, b"") + framed(ERRORS, b"")) == []
    assert streams.feed(framed(OUTPUT, b"x")) == [(OUTPUT, b"x")]


def test_a_frame_that_claims_gigabytes_keeps_nothing() -> None:
    streams = Demultiplexer()
    streams.feed(bytes([OUTPUT, 0, 0, 0]) + b"\xff\xff\xff\xff")
    for _ in range(64):
        assert streams.feed(b"x" * 65_536) == [(OUTPUT, b"x" * 65_536)]


# ---------------------------------------------------------------- what `enter` reads first


@given(
    st.lists(st.text(), min_size=1).map(tuple),
    st.dictionaries(st.text(), st.text()),
    st.text(),
    st.lists(st.tuples(st.text(), st.integers(0, 0o777), st.text())),
)
def test_what_is_told_is_ascii_with_its_length_before_it(
    argv: tuple[str, ...], env: dict[str, str], cwd: str, files: list[tuple[str, int, str]]
) -> None:
    length, at, body = told(argv, env, cwd, files).partition(b"@")
    assert at == b"@"
    assert int(length) == len(body)
    assert body.isascii()
    assert json.loads(body) == {"argv": [*argv], "env": env, "cwd": cwd, "files": [[*file] for file in files]}


def entered(said: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-I", ENTER], input=said, capture_output=True, timeout=30)


def test_enter_starts_what_it_was_told_and_leaves_it_the_rest(tmp_path: Path) -> None:
    content = base64.b64encode(b"\0secret\xff").decode()
    script = 'printf "%s|%s|%s|" "$1" "$A" "$PWD"; cat; cat new/key; stat -c "|%a" new/key'
    first = told(
        ("sh", "-c", script, "sh", "zwei Wörter\n@"),
        {"A": "ä='\" $HOME"},
        str(tmp_path),
        [(str(tmp_path / "new/key"), 0o400, content)],
    )
    done = entered(first + b"7@the rest\n")
    assert done.stdout == f"zwei Wörter\n@|ä='\" $HOME|{tmp_path}|7@the rest\n".encode() + b"\0secret\xff|400\n"
    assert done.returncode == 0
    assert oct((tmp_path / "new").stat().st_mode & 0o777) == "0o700"


@pytest.mark.parametrize(
    ("said", "code", "words"),
    [
        (told(("no-such-program",), {}, "/", []), 127, "was not found in the container"),
        (told(("/etc/passwd",), {}, "/", []), 126, "Permission denied"),
        (told(("true",), {}, "/", [])[:-1], 1, "cut off"),
        (b"", 1, "cut off"),
        (b"12", 1, "cut off"),
    ],
)
def test_enter_says_what_is_wrong(said: bytes, code: int, words: str) -> None:
    done = entered(said)
    assert done.returncode == code
    assert words in done.stderr.decode()
    assert done.stdout == b""
