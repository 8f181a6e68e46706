"""P4: the window is bounded by quiet time, by total wait, by count and by bytes."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.decide import Due, Idle, Interrupt, Pending, Steer, Verdict, Wait, decide, first_batch
from dispatcher.model import Binding, Limits, Mode

LIMITS = Limits(window=1.5, max_wait=10.0, max_batch_messages=3, max_batch_bytes=100)
DEMO = Binding(agent="demo")


def row(number: int, arrived: float, size: int = 1, binding: Binding = DEMO) -> Pending:
    return Pending(number, arrived, size, binding)


def verdict(
    *rows: Pending,
    now: float,
    running: bool = False,
    mode: Mode = "collect",
    hurried: int = 0,
    limits: Limits = LIMITS,
    steerable: Binding | None = None,
) -> Verdict:
    return decide(rows, running=running, mode=mode, hurried_upto=hurried, now=now, limits=limits, steerable=steerable)


def test_nothing_waits() -> None:
    assert verdict(now=0) == Idle()
    assert verdict(now=0, running=True) == Wait(None)


def test_each_message_restarts_the_quiet_time() -> None:
    assert verdict(row(1, 0.0), now=0.0) == Wait(1.5)
    assert verdict(row(1, 0.0), row(2, 1.0), now=1.5) == Wait(2.5)
    assert verdict(row(1, 0.0), row(2, 1.0), now=2.5) == Due((1, 2))


def test_p4_a_steady_stream_cannot_starve_itself() -> None:
    limits = replace(LIMITS, max_batch_messages=50)
    rows = [row(n, float(n)) for n in range(1, 11)]
    assert verdict(*rows, now=10.9, limits=limits) == Wait(11.0)
    assert verdict(*rows, now=11.0, limits=limits) == Due(tuple(range(1, 11)))


def test_p4_count_and_bytes_close_a_batch_at_once() -> None:
    assert verdict(row(1, 0), row(2, 0), row(3, 0), now=0) == Due((1, 2, 3))
    assert verdict(*(row(n, 0) for n in range(1, 6)), now=0) == Due((1, 2, 3))
    assert verdict(row(1, 0, 60), row(2, 0, 60), now=0) == Due((1,))
    assert verdict(row(1, 0, 100), now=0) == Due((1,))


def test_a_message_over_the_byte_cap_is_a_batch_of_its_own() -> None:
    assert first_batch([row(1, 0, 500), row(2, 0)], LIMITS) == [row(1, 0, 500)]


def test_a_batch_never_mixes_bindings_and_the_older_one_is_closed() -> None:
    other = Binding(agent="recorder")
    assert verdict(row(1, 0), row(2, 0, binding=other), now=0) == Due((1,))
    assert verdict(row(2, 0, binding=other), now=0) == Wait(1.5)


@pytest.mark.parametrize("hurried", [1, 2, 9])
def test_hurried_rows_take_along_what_waits_behind_them(hurried: int) -> None:
    assert verdict(row(1, 0), row(2, 0), now=0, hurried=hurried) == Due((1, 2))


def test_window_zero_is_allowed() -> None:
    assert verdict(row(1, 5.0), now=5.0, limits=replace(LIMITS, window=0)) == Due((1,))


def test_collect_waits_for_the_end_of_the_run() -> None:
    assert verdict(row(1, 0), now=99, running=True) == Wait(None)


def test_interrupt_acts_when_the_new_batch_is_due_not_before() -> None:
    assert verdict(row(1, 0), now=1.0, running=True, mode="interrupt") == Wait(1.5)
    assert verdict(row(1, 0), now=1.5, running=True, mode="interrupt") == Interrupt()


def steered(*rows: Pending, now: float, steerable: Binding | None = DEMO, hurried: int = 0) -> Verdict:
    return verdict(*rows, now=now, running=True, mode="steer", steerable=steerable, hurried=hurried)


def test_steer_hands_over_what_is_due_by_the_rule_of_the_window() -> None:
    assert steered(row(1, 0), now=1.0) == Wait(1.5)
    assert steered(row(1, 0), row(2, 0.5), now=2.0) == Steer((1, 2))
    assert steered(row(1, 0), now=0, hurried=1) == Steer((1,))
    assert steered(*(row(n, 0) for n in range(1, 6)), now=0) == Steer((1, 2, 3))


def test_steer_waits_as_collect_for_a_turn_that_takes_nothing() -> None:
    assert steered(row(1, 0), now=99, steerable=None) == Wait(None)


def test_steer_never_tells_one_agent_what_is_meant_for_another() -> None:
    other = Binding(agent="recorder")
    assert steered(row(1, 0, binding=other), row(2, 0), now=99) == Wait(None)
    assert steered(row(1, 0), row(2, 0, binding=other), now=0) == Steer((1,))


def test_steer_starts_a_turn_where_none_runs() -> None:
    assert verdict(row(1, 0), now=1.5, mode="steer") == Due((1,))


bindings = st.sampled_from([DEMO, Binding(agent="recorder")])
pendings = st.lists(st.tuples(st.floats(0, 20), st.integers(1, 120), bindings), max_size=6).map(
    lambda rows: [row(n, *values) for n, values in enumerate(rows, 1)]
)


@given(rows=pendings, steerable=st.none() | bindings, hurried=st.integers(0, 6), now=st.floats(0, 30))
def test_steer_is_due_exactly_when_a_batch_would_be_and_takes_the_same_rows(
    rows: list[Pending], steerable: Binding | None, hurried: int, now: float
) -> None:
    free = verdict(*rows, now=now, mode="steer", hurried=hurried)
    told = steered(*rows, now=now, steerable=steerable, hurried=hurried)
    if not rows or rows[0].binding != steerable:
        assert told == Wait(None)
    else:
        assert told == (Steer(free.ids) if isinstance(free, Due) else free)
