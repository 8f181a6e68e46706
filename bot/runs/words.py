"""What chats read about a turn. Pure."""

from __future__ import annotations

from bot.agents.base import KillReport, PermissionRequest
from bot.runs.watch import brief
from transports.fences import fenced


def header(run: int, messages: int, agent: str, project: str | None) -> str:
    count = f"{messages} messages" if messages != 1 else "1 message"
    return f"run {run} · {count} · {agent}" + (f" in {project}" if project else "")


def footer(seconds: float, cost: float) -> str:
    return f"— {brief(seconds)}" + (f" · ${cost:.2f}" if cost else "")


def no_such_agent(name: str | None, known: tuple[str, ...]) -> str:
    return f"There is no agent `{name}` any more. There are: {', '.join(known)}. `agent <name>` chooses one."


def failed(run: int, why: str) -> str:
    reason = why.rstrip().removesuffix(".") or "the agent did not say why"  # some reasons are whole sentences
    return f"Run {run} failed: {reason}. `retry {run}` repeats it."


def limit(run: int, why: str, report: KillReport) -> str:
    return f"Run {run} was ended: {why}. {_gone(report)} `retry {run}` repeats it."


def interrupted(run: int) -> str:
    return f"Run {run} was interrupted by your next message."


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


def cannot_ask(tool: str) -> str:
    return f"The agent asked for permission: {tool}. This version cannot ask you yet, so it was denied."


SHOWN = 2000  # bytes of a permission request's input; `show all` shows the rest


def permission(run: int, agent: str, request: PermissionRequest, patience: float) -> str:
    """The question as a chat reads it, with the tool's whole input up to 2 kB."""
    data = request.input.encode("utf-8", "replace")
    shown = data[:SHOWN].decode("utf-8", "ignore")
    more = f"\n… {len(data) - SHOWN:,} more bytes; `show all` shows them." if len(data) > SHOWN else ""
    always = ", `allow always`" if any(option.kind == "allow_always" for option in request.options) else ""
    until = f" Without an answer it is denied in {brief(patience)}." if patience else ""
    return (
        f"Run {run}: {agent} asks to use {request.tool}\n{fenced(shown)}{more}\n"
        f"Answer `allow`{always} or `deny [why]`.{until}"
    )


def sees_files() -> str:
    return (
        "Note: this machine allows no sandbox, so the agent can read your user's files. "
        "`tugbot doctor` names the package to install."
    )


def _gone(report: KillReport) -> str:
    if not report.verified:
        return "Whether all of its processes are gone could not be proven."
    return f"Its processes ({report.found}) are verified gone."
