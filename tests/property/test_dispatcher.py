"""P1 to P8 over every order of events that Hypothesis can think of, crashes at every store step included.

A failing example is printed with the calls that replay it. `TUGBOT_PROPERTY_EXAMPLES` sets how many programs are tried
(CI: enough for 100,000 steps, which is asserted); `TUGBOT_EXPLORE=1` tries new ones at every run.
"""

from __future__ import annotations

import os
from typing import get_args

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from dispatcher.model import Event
from tests.dispatcher_world import Ambush, Hearing, World

EXAMPLES = int(os.environ.get("TUGBOT_PROPERTY_EXAMPLES", "60"))
# A change is judged by programs that are the same for everyone; whoever looks for more sets this and takes new ones.
EXPLORE = bool(os.environ.get("TUGBOT_EXPLORE"))
STEPS_ASSERTED = int(os.environ.get("TUGBOT_PROPERTY_STEPS", "0"))
# Shrinking a program of eighty steps can take many minutes; ask for it when there is a failure to understand.
PHASES = [Phase.explicit, Phase.generate, *([Phase.shrink] if os.environ.get("TUGBOT_SHRINK") else [])]
SESSIONS = st.sampled_from(["a", "b", "c"])
TEXTS = st.one_of(st.sampled_from(["x", "two words"]), st.integers(1, 400).map(lambda n: "y" * n))
BEHAVIOURS = st.sampled_from(["answer", "fail", "raise", "stubborn", "unkillable-once"])
HEARINGS = st.sampled_from(get_args(Hearing))
SECONDS = st.sampled_from([0.0, 0.001, 0.5, 1.5, 3.0, 12.0])


class Promises(RuleBasedStateMachine):
    steps = 0

    @initialize()
    def begin(self) -> None:
        self.world = World()
        self.events: list[Event] = []

    @rule(session=SESSIONS, text=TEXTS)
    def say(self, session: str, text: str) -> None:
        self.events.append(self.world.say(session, text))

    @rule(session=SESSIONS, count=st.integers(2, 15))
    def burst(self, session: str, count: int) -> None:
        self.events += [self.world.say(session, f"burst {n}") for n in range(count)]

    @rule(data=st.data())
    def say_again(self, data: st.DataObject) -> None:
        if self.events:
            event = data.draw(st.sampled_from(self.events))
            self.world.say(event.session, "redelivered", event)

    @rule(data=st.data(), text=TEXTS)
    def edit(self, data: st.DataObject, text: str) -> None:
        if self.events:
            self.world.do(self._amend(data.draw(st.sampled_from(self.events)), text))

    @rule(data=st.data())
    def retract(self, data: st.DataObject) -> None:
        if self.events:
            self.world.do(self._amend(data.draw(st.sampled_from(self.events)), None))

    async def _amend(self, event: Event, text: str | None) -> None:
        dispatcher = self.world.dispatcher
        change = dispatcher.retract(event) if text is None else dispatcher.edit(event, text[:300])
        change.add_done_callback(lambda done: done.cancelled() or done.exception())

    @rule(session=SESSIONS, agent=st.sampled_from(["demo", "recorder"]))
    def use(self, session: str, agent: str) -> None:
        self.world.use(session, agent)

    @rule(session=SESSIONS, mode=st.sampled_from(["collect", "interrupt", "steer"]))
    def mode(self, session: str, mode: str) -> None:
        self.world.mode(session, mode)

    @rule(session=SESSIONS)
    def go(self, session: str) -> None:
        self.world.do(self._call(lambda: self.world.dispatcher.go(session)))

    @rule(session=SESSIONS, seconds=SECONDS)
    def hold(self, session: str, seconds: float) -> None:
        self.world.do(self._call(lambda: self.world.dispatcher.hold(session)))
        dispatcher = self.world.dispatcher
        self.world.loop.call_later(seconds, lambda: dispatcher.release(session))

    async def _call(self, action: object) -> None:
        action()  # type: ignore[operator]

    @rule(session=SESSIONS)
    def stop(self, session: str) -> None:
        self.world.stop(session)

    @rule(session=SESSIONS, steps=st.integers(1, 6), late=st.booleans(), text=TEXTS)
    def stop_at_a_store_step(self, session: str, steps: int, late: bool, text: str) -> None:
        self.events.append(self.world.say(session, text))
        self.world.do(self._call(lambda: self.world.dispatcher.go(session)))
        self.world.ambushes.append(Ambush(session, steps, late))

    @rule(session=SESSIONS, hearing=HEARINGS, behaviour=BEHAVIOURS, seconds=SECONDS, count=st.integers(1, 3))
    def say_into_a_turn(self, session: str, hearing: Hearing, behaviour: str, seconds: float, count: int) -> None:
        self.world.mode(session, "steer")
        self.events.append(self.world.say(session, "first"))
        self.world.do(self._call(lambda: self.world.dispatcher.go(session)))
        self.world.script.insert(0, (behaviour, seconds))  # type: ignore[arg-type]
        self.world.advance(0.02)
        self.world.hearing.append(hearing)
        self.events += [self.world.say(session, f"further {n}") for n in range(count)]
        self.world.do(self._call(lambda: self.world.dispatcher.go(session)))

    @rule(session=SESSIONS, steps=st.integers(1, 8), late=st.booleans())
    def stop_into_a_steer(self, session: str, steps: int, late: bool) -> None:
        self.world.ambushes.append(Ambush(session, steps, late))

    @rule(takes=st.sampled_from([True, True, False, None]))
    def turns_take_text(self, takes: bool | None) -> None:
        self.world.takes = takes

    @rule(behaviour=BEHAVIOURS, seconds=SECONDS)
    def expect(self, behaviour: str, seconds: float) -> None:
        self.world.script.append((behaviour, seconds))  # type: ignore[arg-type]

    @rule(seconds=SECONDS)
    def advance(self, seconds: float) -> None:
        self.world.advance(seconds)

    @rule(seconds=st.sampled_from([60.0, 86_400.0]))
    def clock_jumps(self, seconds: float) -> None:
        self.world.loop.advance(seconds)

    @rule(count=st.integers(1, 4))
    def disk_full(self, count: int) -> None:
        self.world.faults = count

    @rule()
    def crash(self) -> None:
        self.world.crash()

    @rule(steps=st.integers(1, 12))
    def crash_at_a_store_step(self, steps: int) -> None:
        self.world.crash_in = steps

    @invariant()
    def promises_hold(self) -> None:
        type(self).steps += 1
        if hasattr(self, "world"):
            self.world.check()

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.settle()
            self.world.close()


def test_p1_to_p8_hold_over_any_order_of_events() -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Promises,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=80,
            deadline=None,
            derandomize=not EXPLORE,
            database=None,
            print_blob=True,
            phases=PHASES,
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(f"{Promises.steps:,} steps")
    assert Promises.steps >= STEPS_ASSERTED
