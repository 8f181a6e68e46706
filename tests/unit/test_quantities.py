import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.quantities import parse_duration, parse_size, show_duration, show_size


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (0, 0.0), (1.5, 1.5), ("1.5", 1.5), ("1.5s", 1.5), ("250ms", 0.25), ("15m", 900.0), ("1h", 3600.0),
        ("1h30m", 5400.0), (" 1 h 30 m ", 5400.0), ("2d", 172800.0), (-1, -1.0),
    ],
)  # fmt: skip
def test_durations_as_people_write_them(written: object, seconds: float) -> None:
    assert parse_duration(written) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "bad", ["", "fast", "1x", "s", "1h30", "1.5.2s", "-1s", "١s", True, None, [], float("nan"), float("inf"), "inf"]
)
def test_what_is_no_duration_is_refused(bad: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(bad)


@pytest.mark.parametrize(
    ("written", "size"),
    [
        (0, 0),
        (100000, 100_000),
        ("100kB", 100_000),
        ("1MB", 10**6),
        ("64KiB", 65_536),
        ("1.5 MB", 1_500_000),
        ("7", 7),
        ("7B", 7),
    ],
)
def test_sizes_as_people_write_them(written: object, size: int) -> None:
    assert parse_size(written) == size


@pytest.mark.parametrize("bad", ["", "big", "1k", "1TBs", "1.5", "0.0001kB", 1.5, True, None, "-1kB"])
def test_what_is_no_size_is_refused(bad: object) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_size(bad)


@given(st.integers(0, 10**7) | st.integers(0, 10**9).map(lambda ms: ms / 1000))
def test_a_shown_duration_reads_back(seconds: float) -> None:
    assert parse_duration(show_duration(seconds)) == pytest.approx(seconds, rel=1e-9, abs=1e-12)


@given(st.integers(0, 10**12))
def test_a_shown_size_reads_back(size: int) -> None:
    assert parse_size(show_size(size)) == size


def test_shown_as_people_write_it() -> None:
    assert [show_duration(x) for x in (0.5, 20, 60, 5400, 86400)] == ["0.5s", "20s", "1m", "1h30m", "1d"]
    assert [show_size(x) for x in (0, 1, 1500, 32_000, 10**6)] == ["0", "1", "1500", "32kB", "1MB"]
