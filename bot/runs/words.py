"""What chats read about a turn. Pure."""

from __future__ import annotations

import re
from datetime import datetime

from bot.agents.base import KillReport, PermissionRequest
from bot.runs.watch import brief
from transports.fences import fenced

_MARKDOWN = re.compile(r"([\\`*\[\]<>#|~])")


def named(text: str) -> str:
    """A name that somebody chose, in words of ours: what Markdown would make a link or a heading of stays text."""
    return _MARKDOWN.sub(r"\\\1", text)


def header(run: int, messages: int, agent: str, project: str | None) -> str:
    count = f"{messages} messages" if messages != 1 else "1 message"
    return f"run {run} · {count} · {agent}" + (f" in {project}" if project else "")


def footer(seconds: float, cost: float) -> str:
    return f"— {brief(seconds)}" + (f" · {money(cost)}" if cost else "")


def money(dollars: float) -> str:
    """`$0.06`; `$0.0004` where that would be nothing."""
    return f"${dollars:.2f}" if dollars >= 0.005 else f"${dollars:.4f}"


def no_such_agent(name: str | None, known: tuple[str, ...]) -> str:
    return f"There is no agent `{name}` any more. There are: {', '.join(known)}. `agent <name>` chooses one."


def failed(run: int, why: str) -> str:
    reason = why.rstrip().removesuffix(".") or "the agent did not say why"  # some reasons are whole sentences
    return f"Run {run} failed: {reason}. `retry {run}` repeats it."


def chore_failed(run: int, why: str) -> str:
    reason = why.strip().removesuffix(".")
    return f"Run {run} failed{' ' if reason.startswith('at ') else ': '}{reason}. `retry {run}` tries again."


def limit(run: int, why: str, report: KillReport) -> str:
    return f"Run {run} was ended: {why}. {_gone(report)} `retry {run}` repeats it."


def over_cost(cost: float, most: float) -> str:
    return f"it cost ${cost:.2f}, more than its limit of ${most:.2f} (`max_cost`)"


def over_budget(per_day: float) -> str:
    return f"the budget of ${per_day:.2f} a day is spent (`max_cost_per_day`); it starts again at midnight"


def exceeded_at_the_end(why: str) -> str:
    return f"(Told only at its end: {why}.)"


def rate_limited(run: int, agent: str, until: float | None, now: float) -> str:
    """A limit of the model's provider, with when it ends: local time, and the date where that is not today."""
    if until is None or until <= now:
        return f"Run {run} was refused: {agent} has reached a limit of its provider. `retry {run}` tries again."
    return (
        f"Run {run} was refused: {agent} has reached a limit of its provider, which ends {moment(until, now)}. "
        f"`retry {run} at reset` repeats it then."
    )


def moment(at: float, now: float) -> str:
    """`at 14:05`, or `on 2026-11-22 at 14:05`, local time."""
    then, today = datetime.fromtimestamp(at), datetime.fromtimestamp(now)
    day = "" if then.date() == today.date() else f"on {then:%Y-%m-%d} "
    return f"{day}at {then:%H:%M}"


def waits(why: str, seconds: float) -> str:
    return f"{why.rstrip('.')}; the agent tries again in {brief(seconds)}."


def fresh(because: str) -> str:
    return f"The earlier conversation could not be resumed ({because.rstrip('.')}), so the agent begins a new one."


def steered(messages: int) -> str:
    return f"{'1 more message was' if messages == 1 else f'{messages} more messages were'} handed to the agent."


def denied(tool: str, why: str) -> str:
    return f"Denied: {_one_line(tool)} ({why})."


def unsettled(tool: str) -> str:
    return f"A question of the agent failed inside Tugbot: {_one_line(tool)}. `stop` ends the run."


def withdrawn(tool: str) -> str:
    return f"The agent no longer waits for an answer: {_one_line(tool)}."


def interrupted(run: int) -> str:
    return f"Run {run} was interrupted by your next message."


def answered_elsewhere(run: int) -> str:
    return f"Run {run} took this together with what was said after it. The answer stands below the newest of that."


def shut_down(run: int) -> str:
    return f"Run {run} was cut off because the bot was shut down. `retry {run}` repeats it."


def unkilled(run: int, report: KillReport) -> str:
    pids = ", ".join(str(pid) for pid in report.survivors) or "unknown"
    return (
        f"Run {run} could not be ended: processes {pids} are still alive ({report.note or 'they do not die'}). "
        f"What you send waits until they are gone; `stop {run}` tries again."
    )


def quarantined(run: int, survivors: tuple[int, ...]) -> str:
    """Stands behind "behind" in a line that says what a message waits for."""
    pids = ", ".join(str(pid) for pid in survivors)
    return f"run {run}, whose processes{f' {pids}' if pids else ''} could not be killed: `stop {run}` tries again"


def cut_output(limit_bytes: int, total: int) -> str:
    return f"(The answer went on to {total:,} bytes; {limit_bytes:,} are shown.)"


SHOWN = 2000  # bytes of a permission request's input; `show all` shows the rest


def permission(run: int, agent: str, request: PermissionRequest, patience: float) -> str:
    """The question as a chat reads it, with the tool's whole input up to 2 kB."""
    always = ", `allow always`" if any(option.kind == "allow_always" for option in request.options) else ""
    until = f" Without an answer it is denied in {brief(patience)}." if patience else ""
    return f"{_asked(run, agent, request)}\nAnswer `allow`{always} or `deny [why]`.{until}"


def settled(run: int, agent: str, request: PermissionRequest, how: str) -> str:
    """The same question once it has ended; `how` is one of the next three."""
    return f"{_asked(run, agent, request)}\n{how}"


def was_allowed(by: str, *, always: bool) -> str:
    return f"✔ Allowed {'from now on' if always else 'once'} by {named(by)}."


def was_denied(by: str, why: str) -> str:
    """`by`: "" where nobody decided."""
    who, reason = f" by {named(by)}" if by else "", _one_line(why)
    return f"✘ Denied{who}{f': {reason}' if reason else ''}{'' if reason.endswith(('.', '!', '?', '…')) else '.'}"


QUESTION_OVER = "Its run is over."


def question_over(question: str) -> str:
    """What `permission` made, once its run was cut off: the last line asked for an answer."""
    return f"{question.rpartition(chr(10))[0]}\n{QUESTION_OVER}"


def _asked(run: int, agent: str, request: PermissionRequest) -> str:
    data = request.input.encode("utf-8", "replace")
    shown = data[:SHOWN].decode("utf-8", "ignore")
    more = f"\n… {len(data) - SHOWN:,} more bytes; `show all` shows them." if len(data) > SHOWN else ""
    return f"Run {run}: {agent} asks to use {_one_line(request.tool)}\n{fenced(shown)}{more}"


def sees_files() -> str:
    return (
        "Note: this machine allows no sandbox, so the agent can read your user's files. "
        "`tugbot doctor` names the package to install."
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]


def _gone(report: KillReport) -> str:
    if not report.verified:
        return "Whether all of its processes are gone could not be proven."
    return f"Its processes ({report.found}) are verified gone."
