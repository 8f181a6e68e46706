"""Taking secrets out of a megabyte of ordinary text, whole and as an agent says it, beside the one pattern of old.

The pattern is the same, tried at every place of the text instead of where a secret can begin.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

from benchmarks.table import Figure
from bot import hidden, redact
from bot.replies.screen import Screen

ROUNDS = 5
NOTED = 10  # values, as many as a bot with some agents and networks has
BESIDE = "the pattern at every place"
PIECE = 64  # characters
AIM = "a tenth"

# What agents say: prose, code, paths, a table, addresses; about one line in forty looks somewhat like a secret.
LINES = """\
The tests fail because `read_config` returns None for a missing file; I shall raise instead, and say which one.
def read_config(path: Path, *, strict: bool = True) -> dict[str, object]:
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
src/app_main.py:117: error: Incompatible return value type (got "None", expected "Config")  [return-value]
| module | lines | covered |
|--------|------:|--------:|
See https://docs.python.org/3/library/tomllib.html and http://localhost:8808/health for what it should be.
Installed scikit-learn (sk-learn), asia-tools and task-list 1.2.3 – nothing else was changed, as you asked.
""".splitlines(keepends=True)


def measure() -> list[Figure]:
    hidden.note(secrets.token_urlsafe(32) for _ in range(NOTED))
    text = "".join(LINES * (1_000_000 // sum(map(len, LINES)) + 1))[:1_000_000]
    pieces = [text[start : start + PIECE] for start in range(0, len(text), PIECE)]
    old = _best(lambda: redact._SHAPES.sub(redact.MARK, text))
    old_pieces = _best(lambda: [redact._SHAPES.sub(redact.MARK, piece) for piece in pieces])
    figures = (
        ("shapes alone", _best(lambda: redact.redact(text)), old, AIM),
        (f"shapes and {NOTED} noted values", _best(lambda: hidden.shown(text)), old, ""),
        ("the same in pieces of 8,000", _best(lambda: _screened(text, 8_000)), old, ""),
        (f"the same in pieces of {PIECE}", _best(lambda: _screened(text, PIECE)), old_pieces, ""),
    )
    return [
        Figure(f"redaction, a megabyte: {what}", ours * 1000, "ms", beside * 1000, BESIDE, aim)
        for what, ours, beside, aim in figures
    ]


def _screened(text: str, piece: int) -> str:
    screen = Screen()
    said = [screen.take(text[start : start + piece]) for start in range(0, len(text), piece)]
    return "".join((*said, screen.rest()))


def _best(work: Callable[[], object]) -> float:
    """CPU seconds of the fastest round: whatever else the machine does only adds to it."""
    rounds = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        work()
        rounds.append(time.process_time() - begun)
    return min(rounds)
