from __future__ import annotations

import pytest

from bot.agents.base import Finished
from bot.agents.ending import exit_words, exited, with_tail


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (3, "exited with code 3"),
        (-9, "was killed by SIGKILL"),
        (137, "exited with code 137 (SIGKILL)"),
        (255, "exited with code 255"),
        (-250, "was killed by signal 250"),
        (None, "stopped answering"),
    ],
)
def test_exit_words(code: int | None, words: str) -> None:
    assert exit_words(code) == words


def test_the_tail_is_cleaned_and_short() -> None:
    assert with_tail("It broke.", "\x1b[31mbad\x00\n") == "It broke. Its last words:\nbad"
    assert with_tail("It broke.", " \n") == "It broke."
    assert len(with_tail("It broke.", "x" * 4096)) < 1600


def test_the_exit_code_decides_unless_interrupted() -> None:
    assert exited("a", 0, "noise", interrupted=False) == Finished("end_turn", exit_code=0)
    assert exited("a", 0, "", interrupted=True) == Finished("end_turn", exit_code=0)
    assert exited("a", -9, "", interrupted=True) == Finished("cancelled", exit_code=-9)
    assert exited("a", 1, "no", interrupted=False) == Finished(
        "exit", True, "a exited with code 1. Its last words:\nno", 1
    )
