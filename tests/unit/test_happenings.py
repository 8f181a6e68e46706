"""The board: order, gathering of words, positions, secrets, bounds."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
from pathlib import Path

import pytest

from bot.agents.base import KillReport
from bot.happenings import Fallen
from bot.happenings.board import CUT, LONGEST
from bot.happenings.model import (
    KINDS,
    Happening,
    MessagesAnswered,
    RunEnded,
    RunNoted,
    RunStarted,
    RunText,
    RunTool,
    TransportFailed,
)
from tests.happenings_world import Time, board, everything, told
from tests.hidden_world import noted

TOKEN = "ghp_" + "a1B2" * 9


def test_words_gather_and_what_else_happens_comes_behind_them() -> None:
    time = Time()
    here = board(time)
    here.tell(RunStarted(session="s", run=7, project="harbour", work="agent"))
    for piece in ("one ", "two ", "thr"):
        here.tell(RunText(run=7, text=piece))
    assert [event.kind for event in told(here)] == ["run.started"]
    time.passes(0.1)
    here.tell(RunText(run=7, text="ee"))
    here.tell(RunTool(run=7, call="c", title="cargo test", tool="execute", status="pending"))
    time.passes(1)
    assert [(event.kind, event.data.get("text")) for event in told(here)[1:]] == [
        ("run.text", "one two thr"),
        ("run.text", "ee"),
        ("run.tool", None),
    ]


def test_a_long_answer_at_once_does_not_wait_for_the_clock() -> None:
    here = board()
    here.tell(RunText(run=7, text="word " * 2_000))
    assert [event.data["text"] for event in told(here)] == ["word " * 2_000]


def test_what_belongs_to_a_run_is_known_by_its_number_until_its_end() -> None:
    here = board()
    here.tell(RunStarted(session="s", run=7, project="harbour", work="agent"))
    here.tell(RunNoted(run=7, text="x"))
    here.tell(RunEnded(run=7, state="succeeded", killed=KillReport(2, 0.1, verified=True, method="fake")))
    here.tell(RunNoted(run=7, text="late"))
    assert [(event.data["session"], event.data["project"]) for event in told(here)] == [
        ("s", "harbour"),
        ("s", "harbour"),
        ("s", "harbour"),
        (None, None),
    ]
    assert told(here)[2].data["killed"]["found"] == 2


def test_no_secret_is_in_an_event() -> None:
    """Those in pieces are seen before: tests/unit/test_replies_screened.py."""
    here = board()
    here.tell(RunNoted(run=1, text=f"the key is {TOKEN}"))
    here.tell(MessagesAnswered(ids=(1,), state="done", text=TOKEN))
    with noted("value-of-ours-1"):
        here.tell(RunTool(run=1, call="c", title="cat value-of-ours-1", tool="read", status="pending"))
    stream = here.read(0, everything, 10**9).data.decode()
    assert TOKEN[8:16] not in stream
    assert "of-ours" not in stream
    assert stream.count("[secret]") == 3


def test_a_field_has_a_longest() -> None:
    here = board()
    here.tell(RunNoted(run=1, text="x" * 100_000))
    assert told(here)[0].data["text"] == "x" * LONGEST + CUT


def test_what_cannot_be_written_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    here = board()
    here.tell(RunNoted(run=1, text=object()))  # type: ignore[arg-type]
    here.tell(RunNoted(run=1, text="half a pair: \ud800"))
    assert [event.id for event in told(here)] == ["3-1"]
    assert "run.noted" in caplog.text


def test_an_event_of_which_one_line_would_be_two_stays_one() -> None:
    here = board()
    here.tell(RunNoted(run=1, text="a\nevent: run.ended\ndata: {}\n\nid: 1-1\r\r\u2028"))
    (event,) = told(here)
    assert event.data["text"].startswith("a\nevent: run.ended")


@pytest.mark.parametrize(
    ("last_id", "position"),
    [
        ("", "new"),
        ("2-1", "restarted"),
        ("4-1", "unknown"),
        ("3-6", "unknown"),
        ("3-5", 5),
        ("3-3", 3),
        ("3-2", 2),
        ("3-1", "behind"),
        ("3-0", "behind"),
        ("3-1; drop", "unknown"),
        ("3-²", "unknown"),
        ("3-" + "9" * 40, "unknown"),
    ],
)
def test_where_a_listener_reads_on(last_id: str, position: object) -> None:
    here = board(kept=3)
    for _ in range(5):
        here.tell(RunNoted(run=1, text="x"))
    assert here.position(last_id) == position


def test_memory_has_a_bound_in_bytes() -> None:
    here = board(kept=1_000, kept_bytes=10_000)
    for _ in range(500):
        here.tell(RunNoted(run=1, text="x" * 300))
    assert 0 < here.held <= 10_000
    with pytest.raises(Fallen):
        here.read(0, everything, 1_000)
    here.tell(RunNoted(run=1, text="x" * 20_000))
    assert (here.held, here.newest) == (0, 501)
    assert not here.read(501, everything, 1_000).data


def test_a_transport_has_no_session() -> None:
    here = board()
    here.tell(TransportFailed(transport="matrix", reason="the network is gone", lasting=False))
    assert told(here)[0].data == {
        "at": 1_800_000_000.0,
        "session": None,
        "run": None,
        "project": None,
        "transport": "matrix",
        "reason": "the network is gone",
        "lasting": False,
    }


async def test_without_a_clock_of_its_own_it_uses_the_loops() -> None:
    from bot.happenings import Board

    here = Board(1)
    here.tell(RunText(run=1, text="word "))
    await asyncio.sleep(0.15)
    assert here.newest == 1


# ------------------------------------------------------------ the table in the documentation

PAGE = Path(__file__).parents[2] / "docs/reference/events.md"
ROW = re.compile(r"^\| `([a-z.]+)` \| (.+?) \| (.+?) \|$", re.MULTILINE)
COMMON = {each.name for each in dataclasses.fields(Happening)}


def test_every_event_is_documented_with_its_fields() -> None:
    rows = {kind: (what, re.findall(r"`(\w+)`", fields)) for kind, what, fields in ROW.findall(PAGE.read_text("utf-8"))}
    own = {
        kind.kind: [each.name.removesuffix("_") for each in dataclasses.fields(kind) if each.name not in COMMON]
        for kind in KINDS
    }
    assert {kind: fields for kind, (_, fields) in rows.items() if kind != "reset"} == own
    for kind in KINDS:
        assert rows[kind.kind][0] == " ".join((kind.__doc__ or "").split())


def test_the_reset_that_is_documented_is_the_one_that_is_sent() -> None:
    said = json.loads(board().reset("behind").decode().partition("data: ")[2])
    assert list(said) == ["at", "why"]


def test_every_kind_has_a_name_of_its_own() -> None:
    assert {kind.__name__ for kind in KINDS} == {kind.__name__ for kind in Happening.__subclasses__()}
    assert len({kind.kind for kind in KINDS}) == len(KINDS)
