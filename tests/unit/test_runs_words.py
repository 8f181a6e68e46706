import pytest

from bot.runs import words


@pytest.mark.parametrize(
    ("why", "said"),
    [
        ("exit code 3", "exit code 3"),
        ("Install it, or set `command`.", "Install it, or set `command`"),
        ("", "the agent did not say why"),
    ],
)
def test_the_reason_of_a_failure_ends_with_one_full_stop(why: str, said: str) -> None:
    assert words.failed(7, why) == f"Run 7 failed: {said}. `retry 7` repeats it."
