"""What commands answer: receipts of a stop, short answers, notices after a restart. Pure; a test fixes each text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from bot.agents.base import KillReport
from bot.commands.model import AgentInfo, Command, ResetReport, RetryResult, Role, StopReport
from bot.commands.phrases import brief, code, counted, first_words, lasting, listed
from bot.runs.asking import Answer, Question, Reaction
from bot.runs.words import moment
from bot.store.records import RunRecord
from dispatcher.model import Ended, Mode, RunState
from transports.fences import fenced

# ---------------------------------------------------------------- stop


def stopped(report: StopReport) -> str:
    """The receipt: each run with what was found and proven, what was discarded, what goes on elsewhere."""
    if report.obstacle:
        return _left_alone(report)
    ended = [line for each in report.stopped for line in map(_ended, each.ended)]
    unfinished = [_unfinished(run) for each in report.stopped for run in each.unfinished]
    lines = [*ended, *unfinished] or ["Nothing was running."]
    waiting = _discarded(sum(each.discarded for each in report.stopped), told=bool(ended or unfinished))
    also = (*_rested(report.rested), *_unscheduled(report.unscheduled), *_siblings(report.siblings))
    return "\n".join((*lines[:-1], f"{lines[-1]}{waiting}", *also))


def stop_succeeded(report: StopReport) -> bool:
    """False where something that should have ended may still be alive."""
    ended = [run for each in report.stopped for run in each.ended]
    alive = any(run.outcome.state is RunState.FAILED_TO_KILL for run in ended)
    resting = any(not each.verified for each in report.rested)
    return not (
        report.obstacle
        or alive
        or resting
        or report.unscheduled is None
        or any(each.unfinished for each in report.stopped)
    )


def _left_alone(report: StopReport) -> str:
    run = report.asked
    if report.obstacle == "foreign":
        return f"Run {run} belongs to another session; only an operator can stop it from here."
    if report.obstacle == "over":
        return f"Run {run} had ended already; `run {run}` shows how."
    return f"There is no run {run}; `runs` lists the recent ones."


def _ended(ended: Ended) -> str:
    report = kill_report(ended.outcome.record.get("kill_report"))
    if ended.outcome.state is RunState.FAILED_TO_KILL:
        return f"Run {ended.run} could not be ended: {_alive(report)} `stop {ended.run}` tries again."
    head = f"{_verb(ended)} after {lasting(ended.seconds)}"
    if report:
        return f"{head}: {proof(report)}"
    undone = ended.outcome.reason if ended.outcome.reason not in ("", "stop") else "no process of it was ever started"
    return f"{head}; {undone}."


def _verb(ended: Ended) -> str:
    if ended.outcome.state in (RunState.STOPPED, RunState.INTERRUPTED):
        return f"Stopped run {ended.run}"
    state = ended.outcome.state.value.replace("_", " ")
    return f"Run {ended.run} ended by itself just before the stop ({state})"


def _alive(report: KillReport | None) -> str:
    if report is None:
        return "what became of its processes is not known."
    note = f" ({report.note})" if report.note else ""
    if not report.survivors:
        return f"processes of it may still be alive{note}."
    pids = listed(tuple(str(pid) for pid in report.survivors))
    noun, are = ("process", "is") if len(report.survivors) == 1 else ("processes", "are")
    return f"{noun} {pids} {are} still alive after {brief(report.seconds)}{note}."


def proof(report: KillReport) -> str:
    """`5 processes, all verified gone in 0.14 s.`, or that it could not be proven."""
    if report.survivors:
        return _alive(report)
    if not report.verified:
        why = f": {report.note}" if report.note else ""
        return f"{counted(report.found, 'process')} ended in {brief(report.seconds)}, but this is not proven{why}."
    if report.found == 0:
        return f"no process of it was left, verified in {brief(report.seconds)}."
    every = "" if report.found == 1 else "all "
    return f"{counted(report.found, 'process')}, {every}verified gone in {brief(report.seconds)}."


def kill_report(value: object) -> KillReport | None:
    """From a KillReport or its stored fields (a mapping from JSON); None where there was no kill."""
    if value is None or isinstance(value, KillReport):
        return value
    fields = cast("Mapping[str, object]", value)
    return KillReport(
        found=int(cast("int", fields.get("found", 0))),
        seconds=float(cast("float", fields.get("seconds", 0.0))),
        verified=bool(fields.get("verified", False)),
        survivors=tuple(cast("Iterable[int]", fields.get("survivors", ()))),
        method=str(fields.get("method", "")),
        note=str(fields.get("note", "")),
    )


def _unfinished(run: int) -> str:
    return f"Run {run} has not ended yet. `stop {run}` tries again, `run {run}` shows how it stands."


def _discarded(messages: int, told: bool) -> str:
    if messages == 0:
        return " 0 messages were waiting." if told else ""
    were = "was" if messages == 1 else "were"
    return f" {counted(messages, 'message')} {were} waiting and {were} discarded."


def _rested(reports: Sequence[KillReport]) -> tuple[str, ...]:
    """Agents that rested between two turns: nothing of the conversation is left alive."""
    return tuple(f"The agent that rested for the next message was ended as well: {proof(each)}" for each in reports)


def _unscheduled(retries: int | None) -> tuple[str, ...]:
    if retries is None:
        return (
            "Retries that are to come could not be cancelled: the store cannot be written. Say `stop` again later.",
        )
    if not retries:
        return ()
    return (
        f"{'1 retry that was to come is' if retries == 1 else f'{retries} retries that were to come are'} cancelled.",
    )


def _siblings(runs: Sequence[int]) -> tuple[str, ...]:
    if not runs:
        return ()
    names = listed(tuple(f"run {run}" for run in runs))
    that = "it" if len(runs) == 1 else "the first"
    return (f"Still at work in other threads: {names}. `stop {runs[0]}` ends {that}.",)


# ---------------------------------------------------------------- session


def hurried(messages: int) -> str:
    if messages == 0:
        return "No message is waiting."
    starts = "starts" if messages == 1 else "start"
    return f"{counted(messages, 'message')} {starts} without further waiting."


def forgotten(report: ResetReport) -> str:
    if not report.had_conversation:
        head = "There was no conversation to forget: your next message starts a new one anyway."
    else:
        head = "The conversation is forgotten; your next message starts a new one. Files stay as they are."
    return "\n".join((head, *_rested(report.rested)))


_MODES: Mapping[Mode, str] = {
    "collect": "messages sent during a run wait for its end and go to the agent together",
    "interrupt": "a message sent during a run stops that run and takes its place",
    "steer": "a message sent during a run is handed to the running turn where the agent takes it, else it waits",
}


def mode(current: Mode) -> str:
    others = listed(tuple(f"`mode {other}`" for other in _MODES if other != current), "or")
    return f"Mode `{current}`: {_MODES[current]}. {others} changes it."


def mode_set(new: Mode, agent: AgentInfo | None = None) -> str:
    cannot = agent is not None and new == "steer" and not agent.steers
    note = f" {code(agent.name)} takes none, so messages will wait for its runs' ends." if agent and cannot else ""
    return f"Mode is now `{new}`: {_MODES[new]}.{note}"


def ambient(on: bool, *, direct: bool) -> str:
    if direct:
        return "Everything you write here is meant for me, as in every conversation of two."
    if on:
        return "Ambient is on: everything said here is meant for me. `ambient off` changes it."
    return (
        "Ambient is off: I answer what mentions me, replies to me, or is said in a thread I am in. `ambient on` makes "
        "everything meant for me."
    )


def agents(infos: Sequence[AgentInfo], chosen: str | None) -> str:
    """Which agent the session talks to, and which there are."""
    default = next((info.name for info in infos if info.default), None)
    current = chosen or default
    if current is None:
        return "No agent is configured; add one to bot.toml."
    gone = "" if any(info.name == current for info in infos) else " It is configured no longer; choose another."
    head = f"This session talks to {code(current)}.{gone}"
    return "\n".join((head, "", *(_agent(info) for info in infos))) if infos else head


def _agent(info: AgentInfo) -> str:
    if info.obstacle:
        return f"- `{info.name}` cannot be chosen: it {info.obstacle}"
    default = " (default)" if info.default else ""
    program = f"`{info.program}`" if info.program else ""
    version = f"version {first_words(info.version)}" if info.version else ""
    facts = [info.backend, f"{program} {version}".strip(), info.place, info.policy, info.note]
    return f"- `{info.name}`{default}: {' · '.join(fact for fact in facts if fact)}"


def agent_set(name: str, info: AgentInfo | None) -> str:
    note = f" Note: {info.note}." if info and info.note else ""
    return f"This session now talks to `{name}`, from the next message on.{note}"


def agent_unset(default: str | None) -> str:
    now = f", now `{default}`" if default else ""
    return f"This session talks to the default agent again{now}."


# ---------------------------------------------------------------- retry


def retried(result: RetryResult, now: float = 0.0) -> str:
    run = result.run
    if result.outcome == "later" and result.due is not None:
        return f"Run {run} is repeated {moment(result.due, now)}. `stop` cancels it."
    if result.outcome == "no reset":
        return f"Run {run} was not refused by a limit whose end is known; `retry {run} at 14:05` takes a time."
    if result.outcome == "again":
        return f"Run {run} is repeated: {counted(result.messages, 'message')} sent once more."
    if result.outcome == "nothing":
        return "There is no run in this session to repeat."
    if result.outcome == "foreign":
        return f"Run {run} belongs to another session; repeat it there."
    if result.outcome == "active":
        return f"Run {run} has not ended yet; `stop {run}` ends it first."
    if result.outcome == "refused":
        return f"Run {run} was not repeated: {result.reason}"
    return no_run(run)


def no_run(run: int | None) -> str:
    return f"There is no run {run}; `runs` lists the recent ones."


# ---------------------------------------------------------------- permissions


def answered(reaction: Reaction) -> str:
    """What came of `allow` and `deny`; "" where the message that asked says it."""
    if reaction.shown:
        return ""
    question = reaction.question
    if question is None and reaction.result == "ended":
        return "That question is not open any more: its run is over."
    if question is None:
        return "No agent asks for anything here."
    run, tool = question.batch.run, code(question.request.tool)
    if reaction.result == "ended":
        return f"Run {run} has ended; its question is void."
    if reaction.result == "forbidden":
        return f"Run {run} works on the bot's own machine, so only an operator can answer its question."
    if reaction.result == "decided" or reaction.answer is None:
        return f"That was decided already: {_decision(reaction.answer)} {tool} (run {run})."
    once = " It offers no `always`, so it is for this once." if reaction.only_once else ""
    more = f" {counted(reaction.open, 'question')} more to answer." if reaction.open else ""
    return f"{_decision(reaction.answer).capitalize()}: {tool} (run {run}).{once}{more}"


def _decision(answer: Answer | None) -> str:
    if answer is None or answer.decision == "deny":
        return f"denied ({answer.why})" if answer and not answer.by and answer.why else "denied"
    return "allowed from now on" if answer.decision == "always" else "allowed once"


def whole(question: Question | None) -> str:
    if question is None:
        return "No agent asks for anything here."
    return f"Run {question.batch.run} asks to use {code(question.request.tool)}:\n{fenced(question.request.input)}"


# ---------------------------------------------------------------- rights


def not_allowed(command: Command, needed: Role) -> str:
    return f"This `{command.name}` was not carried out: it needs the role {needed}."


# ---------------------------------------------------------------- after a restart


def cut_off(run: RunRecord) -> str:
    """The notice for a run that a crash ended. Says so where leftovers of it would not die."""
    what = f"{run.agent or run.kind}: {first_words(run.prompt)}" if run.prompt else run.agent or run.kind
    head = f"Run {run.id} ({what}) was cut off by a restart."
    if run.state is RunState.FAILED_TO_KILL:
        alive = _alive(kill_report(run.kill_report))
        return f"{head} It could not be ended: {alive} `stop {run.id}` tries again. Nothing was rerun."
    return f"{head} Nothing was rerun; `retry {run.id}` repeats it."


def interrupted(text: str) -> str:
    """The notice for a command that was accepted and never done."""
    return f"{code(text)} was cut off by a restart and was not carried out; send it again."


def uncertain(text: str) -> str:
    """The same for a command that puts work into the queue: that may have happened before the restart."""
    return f"{code(text)} was cut off by a restart. `runs` shows whether it was carried out; if not, send it again."


def settled(text: str) -> str:
    """The same for a command whose whole effect was committed with its acceptance (`agent`, `mode`)."""
    return f"{code(text)} took effect, but its answer was cut off by a restart."
