"""Promises one by one, on virtual time, where the property test would need luck to meet the exact moment."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dispatcher.model import RunState, State
from tests.dispatcher_world import Ambush, Hearing, World


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.settle()
    world.close()


def batches(world: World) -> list[list[str]]:
    """Texts of every run so far, in order."""
    texts = {number: stored.row.text for number, stored in world.disk.messages.items()}
    return [[texts[number] for number in run.messages] for _, run in sorted(world.disk.runs.items())]


def state_of(world: World, text: str) -> State:
    return next(stored.state for stored in world.disk.messages.values() if stored.row.text == text)


def test_a_burst_is_one_run(world: World) -> None:
    for text in ("one", "two", "three"):
        world.say("a", text)
        world.advance(1.0)
    assert not batches(world)
    world.advance(0.6)
    assert batches(world) == [["one", "two", "three"]]


def test_p2_a_redelivered_event_starts_nothing(world: World) -> None:
    event = world.say("a", "once")
    world.advance(5)
    world.crash()
    world.say("a", "once", event)
    world.advance(5)
    assert batches(world) == [["once"]]


def test_p3_the_third_of_two_is_told_its_place_and_told_again_when_it_moves(world: World) -> None:
    world.script += [("answer", 10.0), ("answer", 20.0), ("answer", 0.1), ("answer", 0.1)]
    for session in "abcd":
        world.say(session)
        world.advance(0.05)
    world.advance(1.6)
    assert len(world.active) == 2
    world.advance(1.1)
    assert world.seen.told == ["c 1 ", "d 2 "]
    world.advance(10)
    assert world.seen.told[2:] == ["d 1 ", "c admitted", "d admitted"]


def test_p5_messages_during_a_run_are_one_follow_up_without_a_second_window(world: World) -> None:
    world.script.append(("answer", 10.0))
    world.say("a", "first")
    world.advance(1.6)
    for text in ("second", "third"):
        world.say("a", text)
        world.advance(4.0)
    world.say("a", "fourth")
    assert batches(world) == [["first"]]
    world.advance(2.1)  # the run ends half a second after the last message: no window of 1.5 s is waited for
    assert batches(world) == [["first"], ["second", "third", "fourth"]]


def test_p6_what_comes_after_a_stop_is_new_work_though_the_kill_is_under_way(world: World) -> None:
    world.script.append(("answer", 60.0))
    world.say("a", "old")
    world.advance(1.6)
    world.say("a", "queued")
    world.advance(0.01)
    world.stop("a")
    world.say("a", "new")
    world.advance(3)
    assert state_of(world, "old") is State.STOPPED
    assert state_of(world, "queued") is State.STOPPED
    assert batches(world) == [["old"], ["new"]]


def test_p6_a_stop_leaves_other_sessions_alone(world: World) -> None:
    world.script += [("answer", 5.0), ("answer", 5.0)]
    world.say("a", "mine")
    world.say("b", "theirs")
    world.advance(1.6)
    world.stop("a")
    world.advance(6)
    assert state_of(world, "mine") is State.STOPPED
    assert state_of(world, "theirs") is State.ANSWERED


def test_p7_a_handler_that_ignores_everything_keeps_its_run_alive_in_the_records(world: World) -> None:
    world.script.append(("stubborn", 100.0))
    world.say("a")
    world.advance(1.6)
    world.stop("a")
    world.advance(60)
    assert world.disk.runs[1].state is RunState.STARTING
    world.advance(60)
    assert world.disk.runs[1].state is RunState.SUCCEEDED


def test_p9_the_reply_goes_where_the_last_message_of_the_batch_came_from(world: World) -> None:
    world.say("a", "one")
    last = world.say("a", "two")
    world.advance(2)
    assert world.disk.runs[1].target == world.seen.targets[last]


def test_a_run_that_could_not_be_killed_closes_its_workspace_until_it_is_reopened(world: World) -> None:
    world.script.append(("unkillable-once", 60.0))
    world.say("a", "first")
    world.advance(1.6)
    world.stop("a")
    world.advance(1)
    assert world.disk.runs[1].state is RunState.FAILED_TO_KILL
    world.say("a", "second")
    assert not world.dispatcher.stalled()
    world.advance(5)
    assert world.dispatcher.stalled()
    assert batches(world) == [["first"]]
    world.loop.call_soon(world.dispatcher.reopen, "session/a")
    world.advance(1)
    assert batches(world) == [["first"], ["second"]]


def test_interrupt_waits_for_the_new_batch_to_be_due_and_then_replaces_the_turn(world: World) -> None:
    world.mode("a", "interrupt")
    world.script.append(("answer", 60.0))
    world.say("a", "old")
    world.advance(1.6)
    world.say("a", "new")
    world.advance(1.4)
    assert state_of(world, "old") is State.CLAIMED
    world.advance(0.3)
    assert state_of(world, "old") is State.INTERRUPTED
    world.advance(1)
    assert batches(world) == [["old"], ["new"]]


def interrupted(world: World) -> None:
    """A turn whose agent keeps nothing is stopped by a newer message; its rows would be repeated."""
    world.forgetful = True
    world.mode("a", "interrupt")
    world.script += [("answer", 60.0), ("answer", 60.0), ("answer", 0.1)]
    world.say("a", "old")
    world.advance(1.6)
    world.say("a", "new")
    world.advance(1.7)


def test_an_interrupted_turn_is_repeated_for_an_agent_that_keeps_nothing(world: World) -> None:
    interrupted(world)
    assert [[row.text for row in batch.repeats] for batch in world.active.values()] == [["old"]]


def test_what_was_stopped_is_not_repeated(world: World) -> None:
    interrupted(world)
    world.say("a", "newest")
    world.stop("a")
    world.advance(1)
    world.say("a", "after the stop")
    world.advance(1.51)
    assert [[row.text for row in batch.repeats] for batch in world.active.values()] == [[]]


def test_what_was_meant_for_one_agent_is_not_repeated_to_another(world: World) -> None:
    world.forgetful = True
    world.mode("a", "interrupt")
    world.script += [("answer", 60.0), ("answer", 60.0)]
    world.say("a", "for demo")
    world.advance(1.6)
    world.use("a", "recorder")
    world.say("a", "for recorder")
    world.advance(1.7)
    assert [[row.text for row in batch.repeats] for batch in world.active.values()] == [[]]


def test_a_choice_of_agent_binds_the_next_message_and_closes_the_older_batch(world: World) -> None:
    world.say("a", "for demo")
    world.use("a", "recorder")
    world.say("a", "for recorder")
    world.advance(0.5)
    assert batches(world) == [["for demo"]]
    world.advance(3)
    assert [run.agent for run in world.disk.runs.values()] == ["demo", "recorder"]


def test_edits_and_retractions_count_until_the_claim(world: World) -> None:
    first, second = world.say("a", "first"), world.say("a", "second")

    async def amend() -> tuple[str, str]:
        return await world.dispatcher.edit(first, "better"), await world.dispatcher.retract(second)

    assert world.do(amend()) == ("changed", "changed")
    world.advance(2)
    assert batches(world) == [["better"]]
    assert world.do(amend()) == ("late", "late")


@pytest.mark.parametrize("mode", ["collect", "steer"])
def test_p4_an_edit_at_the_last_instant_does_not_grow_a_batch_over_its_cap(world: World, mode: str) -> None:
    if mode == "steer":
        steering(world)
    step = world.store._writer._step
    assert step is not None
    seen = len(world.disk.messages)

    async def edit(point: str) -> None:
        if point == "read queue" and world.loop.time() > due:
            world.store._writer._step = step
            world.dispatcher.edit(event, "y" * 290)
        await step(point)

    world.say("a", "x" * 200)
    event = world.say("a", "grows")
    due = world.loop.time() + 1.4
    world.store._writer._step = edit
    world.advance(20)
    assert len(world.disk.messages) == seen + 2
    assert [len(batch) for batch in batches(world)] == ([1, 1] if mode == "collect" else [3])
    assert state_of(world, "y" * 290) is State.ANSWERED


def test_an_exception_of_a_handler_is_told_as_a_sentence(world: World) -> None:
    world.script.append(("raise", 0.1))
    world.say("a")
    world.advance(5)
    (item,) = [stored.item for stored in world.disk.outbox.values()]
    assert item.text == "Run 1 failed: handler broke. `retry 1` repeats it."


def test_go_hurries_and_a_hold_keeps(world: World) -> None:
    async def call(name: str) -> None:
        getattr(world.dispatcher, name)("a")

    world.say("a", "one")
    world.advance(0.01)
    world.do(call("go"))
    world.advance(0.01)
    assert batches(world) == [["one"]]
    world.do(call("hold"))
    world.say("a", "two")
    world.advance(30)
    assert len(batches(world)) == 1
    world.do(call("release"))
    world.advance(1)
    assert batches(world) == [["one"], ["two"]]


def test_the_next_message_over_the_limit_is_refused_and_told_once(world: World) -> None:
    world.script.append(("answer", 30.0))
    world.say("a", "busy")
    world.advance(1.6)
    for number in range(world.limits.max_waiting + 3):
        world.say("a", f"m{number}")
    world.advance(0.5)
    refusals = [stored.item for stored in world.disk.outbox.values() if stored.item.kind == "refusal"]
    states = [stored.state for stored in world.disk.messages.values()]
    assert states.count(State.REFUSED) == 3
    assert len(refusals) == 1


def steering(world: World, *hearing: Hearing, takes: bool | None = True) -> None:
    """A turn of ten seconds runs in mode steer; what is said next is heard as told."""
    world.mode("a", "steer")
    world.takes = takes
    world.hearing += hearing
    world.script.append(("answer", 10.0))
    world.say("a", "first")
    world.advance(1.6)


def test_further_text_reaches_the_running_turn_once_its_window_has_closed(world: World) -> None:
    steering(world)
    event = world.say("a", "second")
    world.say("a", "third")
    world.advance(1.4)
    assert event not in world.seen.given_to
    world.advance(0.3)
    assert world.seen.given_to[event] == 1
    world.advance(10)
    assert batches(world) == [["first", "second", "third"]]
    assert world.disk.runs[1].prompt == "first\n\nsecond\n\nthird"
    assert state_of(world, "third") is State.ANSWERED


def test_p5_what_the_turn_did_not_take_any_more_is_the_follow_up_batch(world: World) -> None:
    steering(world, "refuse")
    world.say("a", "second")
    world.advance(1.6)
    world.say("a", "third")
    world.advance(5)
    assert batches(world) == [["first"]]
    assert state_of(world, "second") is State.WAITING
    world.advance(4)
    assert batches(world) == [["first"], ["second", "third"]]
    assert world.disk.runs[1].prompt == "first"


def test_a_turn_that_ends_while_it_is_steered_waits_for_the_answer(world: World) -> None:
    steering(world, "slow-refuse")
    world.advance(7.9)
    world.say("a", "second")
    world.advance(1.7)
    assert state_of(world, "second") is State.CLAIMED
    world.advance(0.4)  # the turn is over, the answer not there yet
    assert world.disk.runs[1].state is RunState.STARTING
    world.advance(2)
    assert batches(world) == [["first"], ["second"]]


def test_an_answer_that_never_comes_is_told_and_wedges_nothing(world: World) -> None:
    steering(world, "lose")
    world.say("a", "second")
    world.advance(20)
    assert batches(world) == [["first", "second"]]
    assert any("Say it again" in stored.item.text for stored in world.disk.outbox.values())
    world.say("a", "third")
    world.advance(3)
    assert state_of(world, "third") is State.ANSWERED


def test_p2_further_text_that_a_crash_cut_off_is_reported_and_not_given_again(world: World) -> None:
    steering(world, "hang")
    world.say("a", "second")
    world.advance(2)
    world.crash()
    world.advance(20)
    assert batches(world) == [["first", "second"]]
    assert state_of(world, "second") is State.INTERRUPTED


@pytest.mark.parametrize("hearing", ["hang", "lose", "stop", "stop-refuse"])
def test_p6_a_stop_does_not_wait_for_a_turn_that_is_being_told_more(world: World, hearing: Hearing) -> None:
    steering(world, hearing)
    world.say("a", "second")
    world.advance(1.7)
    if not hearing.startswith("stop"):
        world.stop("a")
    world.advance(0.2)
    assert [state_of(world, text) for text in ("first", "second")] == [State.STOPPED, State.STOPPED]
    assert world.disk.runs[1].state is RunState.STOPPED


def test_p6_a_stop_acts_while_further_text_is_on_its_way_to_the_disk(world: World) -> None:
    steering(world)
    event = world.say("a", "second")
    world.ambushes.append(Ambush("a", 2, late=False))
    world.advance(1.7)
    world.advance(0.5)
    assert event not in world.seen.given_to
    assert state_of(world, "second") is State.STOPPED


def test_ending_one_run_leaves_alone_what_was_on_its_way_to_it(world: World) -> None:
    steering(world)
    step = world.store._writer._step
    assert step is not None

    async def end(point: str) -> None:
        if point == "before join":
            world.dispatcher.end("a", 1)
        await step(point)

    world.store._writer._step = end
    world.say("a", "second")
    world.advance(4)
    assert batches(world) == [["first"], ["second"]]
    assert state_of(world, "first") is State.STOPPED
    assert state_of(world, "second") is State.ANSWERED


def test_a_turn_that_never_takes_text_lets_it_wait_and_says_so_once(world: World) -> None:
    steering(world, takes=None)
    world.say("a", "second")
    world.advance(2)
    world.say("a", "third")
    world.advance(2)
    assert world.seen.told == ["a unsteerable"]
    world.advance(7)
    assert batches(world) == [["first"], ["second", "third"]]


def test_a_turn_whose_agent_is_starting_is_asked_again(world: World) -> None:
    steering(world, takes=False)
    event = world.say("a", "second")
    world.advance(4)
    world.takes = True
    world.advance(1.1)
    assert world.seen.given_to[event] == 1
    assert world.seen.told == []


def test_what_is_meant_for_another_agent_waits_and_so_does_what_came_later(world: World) -> None:
    steering(world)
    world.use("a", "recorder")
    world.say("a", "for recorder")
    world.use("a", "demo")
    world.say("a", "for demo")
    world.advance(5)
    assert batches(world) == [["first"]]
    world.advance(20)
    assert batches(world) == [["first"], ["for recorder"], ["for demo"]]


def test_a_full_disk_delays_further_text_and_loses_none(world: World) -> None:
    steering(world)
    event = world.say("a", "second")
    world.advance(1.0)
    world.faults = 2
    world.advance(4)
    assert world.seen.given_to[event] == 1
