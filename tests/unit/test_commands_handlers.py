"""Each handler asks the desk for the right thing and answers with the right words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from bot.commands import parse, reports, words
from bot.commands.model import (
    AgentInfo,
    Asker,
    CommandCall,
    Desk,
    Invocation,
    Names,
    Reply,
    ResetReport,
    RetryResult,
    Role,
    StatusReport,
    StopReport,
)
from bot.runs.asking import Decision, Question, Reaction
from bot.store.records import RunRecord, SessionSettings
from dispatcher.model import RunState, Stopped

HERE, NOW = "console/local", 1_230.0
NAMES = Names(agents=("demo", "claude"), projects={"harbour": ""})
RUN = RunRecord(8, "agent", HERE, None, "Ada", "demo", RunState.SUCCEEDED, HERE, 1_000.0, prompt="hello")
FOREIGN = RunRecord(9, "agent", "web/1", None, "Bob", "demo", RunState.SUCCEEDED, "web/1", 1_000.0, prompt="secret")
AGENTS = (AgentInfo("demo", "demo", "python3", default=True), AgentInfo("claude", "claude", "claude"))


@dataclass
class FakeDesk:
    """Writes down what it was asked and answers from its fields."""

    asked: list[tuple[object, ...]] = field(default_factory=list)
    stop: StopReport = StopReport((Stopped(HERE, discarded=1),))  # noqa: RUF009 - frozen
    retried: RetryResult = RetryResult("again", 8, 1)  # noqa: RUF009 - frozen
    report: StatusReport = field(default_factory=StatusReport)
    set_to: SessionSettings = SessionSettings(agent="claude", mode="interrupt")  # noqa: RUF009 - frozen
    forgets: bool = True
    reaction: Reaction = Reaction("nothing")  # noqa: RUF009 - frozen

    def now(self) -> float:
        return NOW

    async def to_retry(self, asker: Asker, run: int | None) -> RunRecord | None:
        return None

    async def stop_session(self, asker: Asker) -> StopReport:
        self.asked.append(("stop_session", asker.session))
        return self.stop

    async def stop_run(self, asker: Asker, run: int) -> StopReport:
        self.asked.append(("stop_run", asker.session, run))
        return self.stop

    async def stop_all(self, asker: Asker) -> StopReport:
        self.asked.append(("stop_all", asker.session))
        return self.stop

    async def go(self, session: str) -> int:
        self.asked.append(("go", session))
        return 2

    async def status(self, session: str) -> StatusReport:
        self.asked.append(("status", session))
        return self.report

    async def runs(self, session: str, n: int) -> Sequence[RunRecord]:
        self.asked.append(("runs", session, n))
        return (RUN,)

    async def run(self, id: int) -> RunRecord | None:  # noqa: A002 - the protocol's word
        return {8: RUN, 9: FOREIGN}.get(id)

    async def retry(self, asker: Asker, run: int | None, message_id: int, moment: str = "") -> RetryResult:
        self.asked.append(("retry", asker.session, run, message_id, moment))
        return self.retried

    def answer(self, asker: Asker, decision: Decision, why: str = "") -> Reaction:
        self.asked.append(("answer", asker.session, decision, why))
        return self.reaction

    def question(self, session: str) -> Question | None:
        return self.reaction.question

    async def reset(self, session: str) -> ResetReport:
        self.asked.append(("reset", session))
        return ResetReport(self.forgets)

    async def settings(self, session: str) -> SessionSettings:
        return self.set_to

    async def agents(self) -> Sequence[AgentInfo]:
        return AGENTS

    def version(self) -> str:
        return "1.2.3"


async def _say(text: str, desk: Desk, role: Role = "owner") -> Reply:
    call = parse(text, NAMES)
    assert isinstance(call, CommandCall)
    asker = Asker(HERE, "ada", "Ada", role, HERE, "console", "e1")
    return await call.command.handler(Invocation(call.command, call.args, asker, 77), desk)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("stop", ("stop_session", HERE)),
        ("stop 9", ("stop_run", HERE, 9)),
        ("stop all", ("stop_all", HERE)),
        ("go", ("go", HERE)),
        ("status", ("status", HERE)),
        ("runs", ("runs", HERE, 10)),
        ("runs 3", ("runs", HERE, 3)),
        ("runs 0", ("runs", HERE, 1)),
        ("runs 9999999999", ("runs", HERE, 50)),
        ("retry", ("retry", HERE, None, 77, "")),
        ("retry 8", ("retry", HERE, 8, 77, "")),
        ("retry at reset", ("retry", HERE, None, 77, "reset")),
        ("retry 8 at reset", ("retry", HERE, 8, 77, "reset")),
        ("retry 8 at 14:05", ("retry", HERE, 8, 77, "14:05")),
        ("retry at 9:30", ("retry", HERE, None, 77, "9:30")),
        ("allow", ("answer", HERE, "once", "")),
        ("Allow!", ("answer", HERE, "once", "")),
        ("allow always", ("answer", HERE, "always", "")),
        ("deny", ("answer", HERE, "deny", "")),
        ("/deny it's too much", ("answer", HERE, "deny", "it's too much")),
        ("reset", ("reset", HERE)),
    ],
)
async def test_what_the_desk_is_asked(text: str, asked: tuple[object, ...]) -> None:
    desk = FakeDesk()
    await _say(text, desk)
    assert desk.asked == [asked]


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("stop", Reply("Nothing was running. 1 message was waiting and was discarded.")),
        ("go", Reply("2 messages start without further waiting.")),
        ("status", Reply(reports.status(StatusReport()))),
        ("runs", Reply(reports.runs((RUN,), NOW))),
        ("run 8", Reply(reports.run(RUN, NOW))),
        ("run 7", Reply(words.no_run(7), ok=False)),
        ("retry", Reply("Run 8 is repeated: 1 message sent once more.")),
        ("reset", Reply(words.forgotten(ResetReport(True)))),
        ("mode", Reply(words.mode("interrupt"))),
        ("mode collect", Reply(words.mode_set("collect"))),
        ("agent", Reply(words.agents(AGENTS, "claude"))),
        ("agent demo", Reply(words.agent_set("demo", AGENTS[0]))),
        ("agent default", Reply(words.agent_unset("demo"))),
        ("version", Reply("tugbot 1.2.3")),
    ],
)
async def test_what_is_answered(text: str, reply: Reply) -> None:
    assert replace(await _say(text, FakeDesk()), came=None) == reply  # what is told; programs are tested elsewhere


async def test_what_did_not_succeed_is_not_ok() -> None:
    assert not (await _say("stop", FakeDesk(stop=StopReport(asked=9, obstacle="over")))).ok
    assert not (await _say("retry", FakeDesk(retried=RetryResult("nothing")))).ok
    assert (await _say("reset", FakeDesk(forgets=False))).text == words.forgotten(ResetReport(False))


@pytest.mark.parametrize(("role", "sees"), [("member", False), ("operator", True), ("owner", True)])
async def test_another_sessions_run_is_for_operators(role: Role, sees: bool) -> None:
    reply = await _say("run 9", FakeDesk(), role)
    assert reply.ok is sees
    assert ("secret" in reply.text) is sees
    assert sees or reply.text == words.no_run(9)


async def test_help_speaks_to_the_role() -> None:
    assert "- `stop [id|all]` — " in (await _say("help", FakeDesk())).text
    explained = (await _say("help stop", FakeDesk(), "member")).text
    assert explained.startswith("`stop [id|all]` — ends the work of this conversation at once, and proves it.")


@pytest.mark.parametrize(
    ("text", "binds"),
    [
        ("agent demo", {"agent": "demo"}),
        ("agent default", {"agent": None}),
        ("agent", {}),
        ("mode interrupt", {"mode": "interrupt"}),
        ("mode", {}),
    ],
)
def test_settings_that_are_committed_with_the_command(text: str, binds: dict[str, str | None]) -> None:
    call = parse(text, NAMES)
    assert isinstance(call, CommandCall)
    assert call.command.binds
    assert call.command.binds(call.args, NAMES) == binds
