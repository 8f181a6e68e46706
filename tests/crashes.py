"""What must hold after a bot was killed again and again, whatever the network: P1 and P2 by its books and its chats."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

Rows = Callable[[str], list[tuple[Any, ...]]]  # what the bot's database answers

PATIENCE = 240.0  # seconds


def settled(rows: Rows, count: int) -> None:
    """Until all `count` messages have come, run and been said."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        (there,) = rows("SELECT count(*) FROM messages WHERE text LIKE 'message-%'")[0]
        open_ = rows("SELECT id FROM messages WHERE state IN ('waiting', 'claimed')")
        unsaid = rows("SELECT id, attempts, error FROM outbox WHERE state IN ('pending', 'sending')")
        if there >= count and not open_ and not unsaid:
            return
        time.sleep(0.3)
    raise AssertionError((there, len(open_), unsaid[:5]))


def assert_every_answer_once(rows: Rows, texts: Sequence[str]) -> None:
    """`texts`: all that the bot shows."""
    ended = dict(rows("SELECT id, state FROM runs"))
    assert set(ended.values()) <= {"succeeded", "interrupted"}
    given = dict(rows("SELECT text, run FROM messages WHERE text LIKE 'message-%'"))
    answers = [text for text in texts if "cut off" not in text]
    headers = Counter(text.split(" · ")[0] for text in answers if text.startswith("run "))
    answered = Counter(word for text in answers for word in text.split() if word.startswith("message-"))
    for run, state in ended.items():
        # Without one where the live part could not be shown in time: the outbox brings the words alone.
        assert headers[f"run {run}"] <= 1, run
        cut_off = sum(f"un {run} " in text for text in texts if "cut off" in text)
        assert cut_off == (state == "interrupted"), (run, state)
    for text, run in given.items():
        if ended[run] == "succeeded":
            assert answered[text] == 1, text
        else:
            assert answered[text] <= 1, text
