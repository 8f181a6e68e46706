"""What commands answer: receipts of a stop, short answers, notices after a restart. Pure; a test fixes each text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from bot.agents.base import KillReport
from bot.commands.model import AgentInfo, Command, RetryResult, Role, StopReport
from bot.commands.phrases import brief, code, counted, first_words, lasting, listed
from bot.store.records import RunRecord
from dispatcher.model import Ended, Mode, RunState

# ---------------------------------------------------------------- stop


def stopped(report: StopReport) -> str:
    """The receipt: each run with what was found and proven, what was discarded, what goes on elsewhere."""
    if report.obstacle:
        return _left_alone(report)
    ended = [line for each in report.stopped for line in map(_ended, each.ended)]
    unfinished = [_unfinished(run) for each in report.stopped for run in each.unfinished]
    lines = [*ended, *unfinished] or ["Nothing was running."]
    waiting = _discarded(sum(each.discarded for each in report.stopped), told=bool(ended or unfinished))
    return "\n".join((*lines[:-1], f"{lines[-1]}{waiting}", *_siblings(report.siblings)))


def stop_succeeded(report: StopReport) -> bool:
    """False where something that should have ended may still be alive."""
    ended = [run for each in report.stopped for run in each.ended]
    alive = any(run.outcome.state is RunState.FAILED_TO_KILL for run in ended)
    return not (report.obstacle or alive or any(each.unfinished for each in report.stopped))


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
    return f"{head}: {proof(report)}" if report else f"{head}; no process of it was ever started."


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


def forgotten(had_one: bool) -> str:
    if not had_one:
        return "There was no conversation to forget: your next message starts a new one anyway."
    return "The conversation is forgotten; your next message starts a new one. Files stay as they are."


_MODES: Mapping[Mode, str] = {
    "collect": "messages sent during a run wait for its end and go to the agent together",
    "interrupt": "a message sent during a run stops that run and takes its place",
}


def mode(current: Mode) -> str:
    other: Mode = "interrupt" if current == "collect" else "collect"
    return f"Mode `{current}`: {_MODES[current]}. `mode {other}` changes it."


def mode_set(new: Mode) -> str:
    return f"Mode is now `{new}`: {_MODES[new]}."


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
    default = " (default)" if info.default else ""
    note = f" — {info.note}" if info.note else ""
    return f"- `{info.name}`{default}: {info.backend}, `{info.program}`{note}"


def agent_set(name: str, info: AgentInfo | None) -> str:
    note = f" Note: {info.note}." if info and info.note else ""
    return f"This session now talks to `{name}`, from the next message on.{note}"


def agent_unset(default: str | None) -> str:
    now = f", now `{default}`" if default else ""
    return f"This session talks to the default agent again{now}."


# ---------------------------------------------------------------- retry


def retried(result: RetryResult) -> str:
    run = result.run
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
