"""Turns: what is asked, what is kept, what ends them. On virtual time, with agents that play a script."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from bot.agents.base import (
    AgentNotice,
    Finished,
    KillReport,
    PermissionOption,
    RateLimited,
    Started,
    TextDelta,
    Usage,
    Waits,
)
from bot.agents.config import Permissions
from bot.runs.watch import TurnLimits
from bot.store.records import Conversation
from dispatcher.model import RunState
from tests.turns_world import OPTIONS, SESSION, FakeAgent, FakeProcess, World, answer, live, question

ANYONE = lambda question: True  # noqa: E731


def process_of(world: World, turn: int = 0) -> FakeProcess:
    process = world.agent.runs[turn].process
    assert isinstance(process, FakeProcess)
    return process


# ---------------------------------------------------------------- where it is answered


def test_p10_what_was_said_in_other_threads_is_told_where_its_answer_is() -> None:
    async def test(world: World) -> None:
        batch = world.batch()
        (row,) = batch.rows
        threads = [replace(row, id=number, target=f"{SESSION}/{thread}") for number, thread in enumerate("abac", 1)]
        outcome = await world.start(replace(batch, rows=tuple(threads)))[0]
        told = [notice for notice in outcome.notices if "/elsewhere/" in notice.key]
        assert [notice.target for notice in told] == [f"{SESSION}/a", f"{SESSION}/b"]
        assert all("below the newest" in notice.text for notice in told)
        assert len({notice.key for notice in told}) == 2
        assert not any("/elsewhere/" in notice.key for notice in (await world.play()).notices)

    live(FakeAgent([[TextDelta("done"), Finished("end_turn")]] * 2), test)


# ---------------------------------------------------------------- permissions


def asked(*, then: Any = "answer") -> FakeAgent:
    return FakeAgent([[Started("n1"), question(), then, TextDelta("done"), Finished("end_turn")]])


@pytest.mark.parametrize(("decision", "option"), [("once", "y"), ("always", "Y"), ("deny", "n")])
def test_the_agent_gets_what_the_person_decided(decision: Any, option: str) -> None:
    async def test(world: World) -> None:
        turn, _ = world.start()
        await asyncio.sleep(5)
        assert "Bash" in world.shown[0].text
        assert "cargo test" in world.shown[0].text
        reaction = world.asking.answer(SESSION, decision, "not now", "Ann", ANYONE)
        assert reaction.result == "taken"
        assert (await turn).state is RunState.SUCCEEDED
        assert world.agent.runs[0].answers == [("p1", option, "not now")]

    live(asked(), test)


@pytest.mark.parametrize(
    ("offered", "choices"), [(OPTIONS, ["allow", "allow always", "deny"]), (OPTIONS[:1], ["allow", "deny"])]
)
def test_an_open_question_can_be_answered_by_pressing(
    offered: tuple[PermissionOption, ...], choices: list[str]
) -> None:
    async def test(world: World) -> None:
        turn, _ = world.start()
        await asyncio.sleep(5)
        key = world.shown[0].key
        assert [choice.text for choice in world.asking.choices(key)] == choices
        world.asking.answer(SESSION, "deny", "", "Ann", ANYONE, key)
        await turn
        assert world.asking.choices(key) == ()

    agent = FakeAgent([[Started("n1"), question(options=offered), "answer", Finished("end_turn")]])
    live(agent, test)


def test_it_is_told_when_work_begins_and_ends() -> None:
    told: list[tuple[int, str, bool]] = []

    async def test(world: World) -> None:
        world.live.working = lambda run, target, on: told.append((run, target, on))
        await world.play()

    live(FakeAgent([answer()]), test)
    assert told == [(1, SESSION, True), (1, SESSION, False)]


def test_a_question_that_nobody_answers_is_denied_after_its_time() -> None:
    async def test(world: World) -> None:
        began = asyncio.get_running_loop().time()
        assert (await world.play()).state is RunState.SUCCEEDED
        assert asyncio.get_running_loop().time() - began == pytest.approx(120, abs=1)
        assert world.agent.runs[0].answers == [("p1", "n", "nobody answered within 2 min")]
        assert world.replies[0].notices == ["Denied: Bash (nobody answered within 2 min)."]
        assert world.asking.answer(SESSION, "once", "", "Ann", ANYONE).result == "decided"

    live(asked(), test)


def test_a_question_ends_with_its_run() -> None:
    async def test(world: World) -> None:
        turn, signal = world.start()
        await asyncio.sleep(5)
        signal.request("stop")
        assert (await turn).state is RunState.STOPPED
        reaction = world.asking.answer(SESSION, "once", "", "Ann", ANYONE)
        assert reaction.result == "ended"
        assert world.agent.runs[0].answers == []  # the in-band interrupt denies what is open

    live(asked(then="forever"), test)


def test_only_those_who_may_decide() -> None:
    async def test(world: World) -> None:
        turn, _ = world.start()
        await asyncio.sleep(5)
        assert world.asking.answer(SESSION, "once", "", "Eve", lambda question: False).result == "forbidden"
        assert world.asking.answer("matrix/other", "once", "", "Eve", ANYONE).result == "nothing"
        assert world.agent.runs[0].answers == []
        assert world.asking.answer(SESSION, "deny", "", "Ann", ANYONE).result == "taken"
        assert world.asking.answer(SESSION, "once", "", "Ann", ANYONE).result != "taken"  # it acts once
        await turn
        assert [option for _, option, _ in world.agent.runs[0].answers] == ["n"]

    live(asked(), test)


@pytest.mark.parametrize(("policy", "option"), [("allow", "y"), ("deny", "n")])
def test_a_policy_decides_without_asking(policy: Any, option: str) -> None:
    async def test(world: World) -> None:
        await world.play()
        assert (world.shown, world.replies[0].flushed) == ([], [])
        assert world.agent.runs[0].answers[0][:2] == ("p1", option)

    live(asked(), test, permissions=Permissions(host=policy))


def test_a_question_stands_below_what_was_said_before_it() -> None:
    agent = FakeAgent([[Started("n1"), TextDelta("I will"), question(), TextDelta(" wait"), "answer"]])

    async def test(world: World) -> None:
        turn, _ = world.start()
        await asyncio.sleep(0)
        (reply,) = world.replies
        reply.first = asyncio.get_running_loop().create_future()
        await asyncio.sleep(0.5)
        assert reply.flushed == ["I will"]
        assert (world.shown, world.asking.open(SESSION)) == ([], ())
        reply.first.set_result(None)
        await asyncio.sleep(0.1)
        assert [notice.kind for notice in world.shown] == ["permission"]
        world.asking.answer(SESSION, "once", "", "Ann", ANYONE)
        await turn

    live(agent, test)


def test_a_reply_that_cannot_be_shown_delays_a_question_for_a_moment_only() -> None:
    async def test(world: World) -> None:
        turn, signal = world.start()
        await asyncio.sleep(0)
        world.replies[0].first = asyncio.get_running_loop().create_future()
        await asyncio.sleep(0.9)
        assert world.shown == []
        await asyncio.sleep(0.2)
        assert len(world.asking.open(SESSION)) == len(world.shown) == 1
        signal.request("stop")
        await turn

    live(asked(then="forever"), test)


def test_a_stop_before_a_question_is_shown_asks_nobody() -> None:
    async def test(world: World) -> None:
        turn, signal = world.start()
        await asyncio.sleep(0)
        world.replies[0].first = asyncio.get_running_loop().create_future()
        await asyncio.sleep(0.5)
        signal.request("stop")
        assert (await turn).state is RunState.STOPPED
        assert not world.replies[0].first.cancelled()  # it is the reply's own
        assert world.shown == []

    live(asked(then="forever"), test)


def test_a_long_input_is_cut_and_says_so() -> None:
    agent = FakeAgent([[Started("n1"), question(text="é" * 3000), "answer", Finished("end_turn")]])

    async def test(world: World) -> None:
        await world.play()
        text = world.shown[0].text
        assert "4,000 more bytes; `show all`" in text
        assert text.count("é") == 1000

    live(agent, test)


def test_waiting_for_a_person_is_not_idle() -> None:
    async def test(world: World) -> None:
        assert (await world.play()).state is RunState.SUCCEEDED

    live(asked(), test, limits=TurnLimits(idle_timeout=10), permission_timeout=300)


# ---------------------------------------------------------------- limits


def test_an_announced_wait_is_not_idle_and_silence_is() -> None:
    agent = FakeAgent([[Started("n1"), Waits(100, "overloaded"), 105, Finished("end_turn")], [Started("n1"), 105]])

    async def test(world: World) -> None:
        assert (await world.play()).state is RunState.SUCCEEDED
        assert world.replies[0].notices == ["overloaded; the agent tries again in 100 s."]
        assert (await world.play()).state is RunState.TIMED_OUT

    live(agent, test, limits=TurnLimits(idle_timeout=10))


def test_a_run_that_costs_too_much_is_ended() -> None:
    agent = FakeAgent([[Started("n1"), Usage(cost_delta=0.3), 1, Usage(cost_delta=0.3), "forever"]])

    async def test(world: World) -> None:
        outcome = await world.play()
        assert outcome.state is RunState.FAILED
        assert "it cost $0.60, more than its limit of $0.50" in outcome.notices[0].text
        assert outcome.record["cost"] == pytest.approx(0.6)
        assert process_of(world).kills == 1

    live(agent, test, limits=TurnLimits(max_cost=0.5))


def test_the_days_budget_ends_runs_and_begins_none() -> None:
    agent = FakeAgent([[Started("n1"), Usage(cost_delta=0.6), "forever"]])
    now = [1_800_000_000.0]

    async def test(world: World) -> None:
        assert (await world.play()).state is RunState.FAILED
        refused = await world.play()
        assert refused.state is RunState.FAILED
        assert "the budget of $0.50 a day is spent" in refused.notices[0].text
        assert world.agent.started == 1
        now[0] += 86_400
        await world.play()
        assert world.agent.started == 2

    live(agent, test, per_day=0.5, now=lambda: now[0])


def test_a_hard_rate_limit_names_its_end_and_a_soft_one_marks_nothing() -> None:
    until = 4_000_000_000.0
    agent = FakeAgent(
        [
            [Started("n1"), RateLimited(False, until), TextDelta("ok"), Finished("end_turn")],
            [Started("n1"), RateLimited(True, until), Finished("error", True, "limit reached")],
            [Started("n1"), RateLimited(True, until), TextDelta("got through"), Finished("end_turn")],
        ]
    )

    async def test(world: World) -> None:
        soft, hard, overcome = [await world.play() for _ in range(3)]
        assert (soft.state, soft.record["resets_at"]) == (RunState.SUCCEEDED, None)
        assert (hard.state, hard.record["resets_at"]) == (RunState.FAILED, until)
        assert "`retry 2 at reset`" in hard.notices[0].text
        assert (overcome.state, overcome.record["resets_at"]) == (RunState.SUCCEEDED, None)

    live(agent, test)


# ---------------------------------------------------------------- warm turns


def test_an_agent_rests_between_the_turns_of_a_conversation() -> None:
    async def test(world: World) -> None:
        first, second = await world.play("one"), await world.play("two")
        assert (first.state, second.state) == (RunState.SUCCEEDED, RunState.SUCCEEDED)
        assert (world.agent.started, world.agent.warm) == (1, 1)
        assert first.record["kill_report"] is None
        # The second turn's run is on record as alive before anything is said to the agent.
        assert [(update["run"], update["state"]) for update in world.updates] == [(1, "running"), (2, "running")]
        assert process_of(world).kills == 0

    world = live(FakeAgent([answer()]), test)
    assert process_of(world).kills == 1  # with the bot


def test_what_left_something_behind_does_not_rest() -> None:
    agent = FakeAgent([[Started("n1"), 1, Finished("end_turn")]])

    async def test(world: World) -> None:
        turn, _ = world.start()
        await asyncio.sleep(0.5)
        process_of(world).pids = frozenset({100, 4711})
        outcome = await turn
        assert outcome.state is RunState.SUCCEEDED
        assert outcome.record["kill_report"] is not None
        assert process_of(world).kills == 1

    live(agent, test)


@pytest.mark.parametrize("ending", ["stop", "time", "exit", "crowd", "other agent"])
def test_a_lease_ends_with_proof(ending: str) -> None:
    async def test(world: World) -> None:
        await world.play()
        process = process_of(world)
        assert process.kills == 0
        match ending:
            case "stop":
                assert await world.leases.end(SESSION) == (process.report,)
                assert await world.leases.end(SESSION) == ()
            case "time":
                await asyncio.sleep(601)
            case "exit":
                process.leave(1)
                await asyncio.sleep(0.1)
            case "crowd":
                for number in range(3):
                    await world.start(world.batch(session=f"console/{number}"))[0]
                await asyncio.sleep(0.1)
            case "other agent":
                assert await world.leases.take(f"session/{SESSION}", None) is None
        assert process.kills == 1
        started = world.agent.started
        await world.play()
        assert world.agent.started == started + 1

    live(FakeAgent([answer()]), test)


def test_a_stop_while_an_agent_is_about_to_rest_ends_it() -> None:
    agent = FakeAgent([[Started("n1"), 1, Finished("end_turn")]])

    async def test(world: World) -> None:
        turn, signal = world.start()
        await asyncio.sleep(0.5)
        process = process_of(world)
        process.pids = frozenset({100, 4711})
        await asyncio.sleep(0.55)  # the turn is over, its last child is not gone yet
        signal.request("stop")
        process.pids = frozenset({100})
        await turn
        assert process.kills == 1

    live(agent, test)


@pytest.mark.parametrize("bad", [Finished("error", True, "no"), Finished("exit", True)])
def test_a_turn_that_failed_leaves_nothing_warm(bad: Finished) -> None:
    async def test(world: World) -> None:
        await world.play()
        assert process_of(world).kills == 1

    live(FakeAgent([[Started("n1"), bad]]), test)


def test_processes_that_would_outlive_the_bot_do_not_rest() -> None:
    agent = FakeAgent([[Started("n1"), 1, Finished("end_turn")]])

    async def test(world: World) -> None:
        turn, _ = world.start()
        await asyncio.sleep(0.5)
        process_of(world).pids = None
        await turn
        assert process_of(world).kills == 1

    live(agent, test)


def test_no_rest_where_the_settings_forbid_it() -> None:
    async def test(world: World) -> None:
        await world.play()
        assert process_of(world).kills == 1

    live(FakeAgent([answer()]), test, warm_for=0)


# ---------------------------------------------------------------- steering


def test_a_turn_takes_further_text_while_it_runs() -> None:
    agent = FakeAgent([[1, Started("n1"), 5, Finished("end_turn")]], can_steer=True)

    async def test(world: World) -> None:
        turn, _ = world.start()
        await asyncio.sleep(0.5)
        assert not world.turns.can_steer(1)  # nothing was said to it yet
        await asyncio.sleep(1)
        assert world.turns.can_steer(1)
        further = world.batch("and this")
        assert await world.turns.steer(type(further)(1, further.rows))
        assert world.agent.steered == ["and this"]
        assert world.replies[0].notices == ["1 more message was handed to the agent."]
        await turn
        assert not world.turns.can_steer(1)
        assert not await world.turns.steer(type(further)(1, further.rows))

    live(agent, test)


def test_an_agent_that_cannot_be_steered_is_not() -> None:
    async def test(world: World) -> None:
        turn, _ = world.start()
        await asyncio.sleep(1)
        assert not world.turns.can_steer(1)
        await turn

    live(FakeAgent([[Started("n1"), 5, Finished("end_turn")]]), test)


# ---------------------------------------------------------------- conversations


def test_the_conversation_and_its_cost_so_far_are_kept() -> None:
    agent = FakeAgent(
        [answer(Usage(cost_delta=0.1, cost_total=0.1)), [Started("n1", resumed=True), Finished("end_turn")]]
    )

    async def test(world: World) -> None:
        await world.play()
        assert world.conversations[SESSION, "fake", None] == Conversation("n1", 0.1)
        await world.play()
        assert world.agent.turns[1].native_session == "n1"
        assert world.agent.turns[1].spent == 0.1
        assert world.conversations[SESSION, "fake", None] == Conversation("n1", 0.1)

    live(agent, test)


def test_a_conversation_that_could_not_be_resumed_costs_from_nothing() -> None:
    lost = [Started("n2", fresh_because="it is gone"), Finished("end_turn")]

    async def test(world: World) -> None:
        world.conversations[SESSION, "fake", None] = Conversation("n1", 5.0)
        await world.play()
        assert world.conversations[SESSION, "fake", None] == Conversation("n2", None)
        assert "could not be resumed (it is gone)" in world.replies[0].notices[0]

    live(FakeAgent([lost]), test)


def test_the_brief_names_people_and_place() -> None:
    async def test(world: World) -> None:
        await world.play()
        assert world.agent.turns[0].brief == "Ann, console, no project, only a directory."

    live(FakeAgent([answer()]), test, briefed=True, brief="{people}, {place}, {project}.")


def test_a_kill_that_proves_nothing_is_told() -> None:
    agent = FakeAgent([[Started("n1"), 1, Finished("error", True, "broken")]])

    async def test(world: World) -> None:
        turn, _ = world.start()
        await asyncio.sleep(0.5)
        process_of(world).report = KillReport(1, 0.1, False, (4711,), "fake")
        outcome = await turn
        assert outcome.state is RunState.FAILED_TO_KILL
        assert world.live.stuck[1] is process_of(world)

    live(agent, test)


def test_notices_of_the_agent_are_shown() -> None:
    async def test(world: World) -> None:
        await world.play()
        assert world.replies[0].notices == ["careful"]

    live(FakeAgent([answer(AgentNotice("careful"))]), test)


def test_a_reset_in_mid_turn_stays_one() -> None:
    agent = FakeAgent([[Started("n1"), 5, Usage(cost_delta=0.1, cost_total=0.1), Finished("end_turn")]])

    async def test(world: World) -> None:
        turn, _ = world.start()
        await asyncio.sleep(1)
        world.conversations.clear()
        await turn
        assert world.conversations == {}
        await world.play()
        assert world.agent.turns[1].native_session is None
        assert (world.agent.started, world.agent.warm) == (2, 0)  # what rested was of the forgotten conversation

    live(agent, test)


def test_a_program_that_is_just_being_started_anew_is_ended_too() -> None:
    agent = FakeAgent([[Started("n1"), "forever"]])

    async def test(world: World) -> None:
        turn, signal = world.start()
        await asyncio.sleep(1)
        first, second = process_of(world), FakeProcess()
        first.on_kill = lambda: setattr(world.agent.runs[0], "process", second)
        signal.request("stop")
        outcome = await turn
        assert (first.kills, second.kills) == (1, 1)
        assert outcome.record["kill_report"]["found"] == 2  # type: ignore[index]

    live(agent, test)


def test_an_answer_that_fails_costs_only_itself() -> None:
    async def test(world: World) -> None:
        turn, signal = world.start()
        await asyncio.sleep(5)

        async def broken(*_: object) -> bool:
            raise ValueError("a defect")

        world.agent.runs[0].answer = broken  # type: ignore[assignment, method-assign]
        world.asking.answer(SESSION, "once", "", "Ann", ANYONE)
        await asyncio.sleep(1)
        assert world.replies[0].notices == ["A question of the agent failed inside Tugbot: Bash. `stop` ends the run."]
        signal.request("stop")
        assert (await turn).state is RunState.STOPPED

    live(asked(then="forever"), test)
