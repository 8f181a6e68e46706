"""What `status`, `runs` and `run` show. Pure; a test fixes each text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.commands.model import InLine, StatusReport, Work
from bot.commands.phrases import code, counted, first_words, lasting
from bot.commands.words import kill_report, proof
from bot.runs.words import moment, money
from bot.store.records import Books, RunRecord
from dispatcher.model import RunState

EXCERPT = 1_500  # characters of a prompt or a reply in `run <id>`

# ---------------------------------------------------------------- status


def status(report: StatusReport) -> str:
    lines = [
        *(_work(work) for work in report.running),
        *(_in_line(entry) for entry in report.in_line),
        *_waiting(report.waiting),
        *(
            f"Run {each.batch.run} asks to use {code(each.request.tool)}: `allow` or `deny`"
            for each in report.questions
        ),
        *(f"Run {run} is repeated {moment(due, report.now)} (`stop` cancels it)" for run, due in report.scheduled),
    ]
    return "\n".join(
        (
            *_bulleted(lines or ["Nothing is running, queued or waiting here."]),
            *_bulleted(_elsewhere(report.elsewhere)),
            *_bulleted([_limited(agent, until, report.now) for agent, until in report.limited]),
            *_bulleted([f"**Trouble:** {trouble}" for trouble in report.trouble]),
            "",
            *books(report.books),
            *_strangers(report.strangers),
        )
    )


def _bulleted(lines: Sequence[str]) -> list[str]:
    return [f"- {line}" for line in lines]


def _work(work: Work) -> str:
    doing = work.state.value.replace("_", " ")
    life = "" if work.silence is None else f", last sign of life {lasting(work.silence)} ago"
    return f"Run {work.run} is {doing}: {_place(work.agent or work.kind, work.project)}, for {lasting(work.age)}{life}"


def _place(what: str, project: str | None) -> str:
    return f"{what} in {project}" if project else what


def _in_line(entry: InLine) -> str:
    behind = f"behind {entry.ahead}" if entry.ahead else "until a run ends elsewhere"
    return f"In line for {lasting(entry.age)}: place {entry.place}, {behind}"


def _waiting(ages: Sequence[float]) -> list[str]:
    if not ages:
        return []
    oldest = f"for {lasting(ages[0])}" if len(ages) == 1 else f"the oldest for {lasting(max(ages))}"
    waits = "waits" if len(ages) == 1 else "wait"
    return [f"{counted(len(ages), 'message')} {waits}, {oldest} (`go` hurries)"]


def _limited(agent: str, until: float | None, now: float) -> str:
    end = f", which ends {moment(until, now)}" if until else ""
    return f"{code(agent)} has reached a limit of its provider{end}"


def _elsewhere(runs: int) -> list[str]:
    return [f"{counted(runs, 'run')} at work in other sessions"] if runs else []


def _strangers(messages: int) -> list[str]:
    return [f"Turned away: {counted(messages, 'message')} of strangers since the start."] if messages else []


# ---------------------------------------------------------------- the books


def books(sums: Books) -> tuple[str, ...]:
    """P8: the sums, and whether they agree."""
    texts, commands = sum(sums.texts.values()), sum(sums.commands.values())
    total = f"Books: {counted(sums.accepted, 'message')} accepted"
    parts = f"{_sum(texts, 'text', sums.texts)} + {_sum(commands, 'command', sums.commands)}"
    verdict = _verdict(sums.accepted, texts + commands)
    return (f"{total} = {parts}. {verdict}", f"Runs: {_counts(sums.runs)}. Outbox: {_counts(sums.outbox)}.")


def balanced(sums: Books) -> bool:
    return sums.accepted == sum(sums.texts.values()) + sum(sums.commands.values())


def _verdict(accepted: int, found: int) -> str:
    if accepted == found:
        return "They balance."
    return f"**They do not balance:** the states add up to {found:,}. Please report this, with the bot's log."


def _sum(total: int, noun: str, counts: Mapping[str, int]) -> str:
    return f"{counted(total, noun)} ({_counts(counts)})" if total else counted(total, noun)


def _counts(counts: Mapping[str, int]) -> str:
    shown = [f"{number:,} {state.replace('_', ' ')}" for state, number in counts.items() if number]
    return ", ".join(shown) or "none"


# ---------------------------------------------------------------- runs


def runs(records: Sequence[RunRecord], now: float) -> str:
    if not records:
        return "No run yet in this session."
    rows = [_row(record, now) for record in records]
    return "\n".join(("| run | state | what | began | took | cost |", "|---:|---|---|---|---:|---:|", *rows))


def _row(run: RunRecord, now: float) -> str:
    what = _place(run.agent or run.kind, run.project)
    asked = f": {first_words(run.prompt, 40)}" if run.prompt else ""
    cost = money(run.cost) if run.cost else ""
    cells = (str(run.id), _state(run), f"{what}{asked}", f"{_began(run, now)} ago", _took(run, now), cost)
    return f"| {' | '.join(cells)} |"


def _state(run: RunRecord) -> str:
    return run.state.value.replace("_", " ")


def _began(run: RunRecord, now: float) -> str:
    return lasting(now - (run.queued_at if run.started_at is None else run.started_at))


def _took(run: RunRecord, now: float) -> str:
    if run.started_at is None:
        return ""
    return lasting((now if run.ended_at is None else run.ended_at) - run.started_at)


def run(record: RunRecord, now: float) -> str:
    """One run: batch, reply, cost, kill report."""
    title = f"**Run {record.id}** · {_state(record)} · {_place(record.agent or record.kind, record.project)}"
    parts = (
        f"{title}\n{' · '.join(_facts(record, now))}",
        _quoted("Asked", record.prompt),
        _quoted("Answered", record.reply or ""),
        f"Error: {first_words(record.error, EXCERPT)}" if record.error else "",
        _end(record),
    )
    return "\n\n".join(part for part in parts if part)


def _facts(record: RunRecord, now: float) -> list[str]:
    took = _took(record, now)
    tokens = f"{record.tokens_in:,} tokens in, {record.tokens_out:,} out"
    facts = (
        f"for {first_words(record.requested_by, 40)}",
        counted(len(record.messages), "message") if record.messages else "",
        f"began {_began(record, now)} ago",
        f"took {took}" if record.ended_at is not None and took else "",
        first_words(record.model or ""),
        money(record.cost) if record.cost else "",
        tokens if record.tokens_in or record.tokens_out else "",
        f"exit code {record.exit_code}" if record.exit_code else "",
    )
    return [fact for fact in facts if fact]


def _quoted(title: str, text: str) -> str:
    """An excerpt as a block quote: whatever Markdown it holds, cut or not, ends with the quote."""
    if not text.strip():
        return ""
    cut = text.strip()[:EXCERPT]
    more = "…" if len(text.strip()) > EXCERPT else ""
    return f"{title}:\n" + "\n".join(f"> {line}".rstrip() for line in f"{cut}{more}".splitlines())


def _end(record: RunRecord) -> str:
    report = kill_report(record.kill_report)
    if report:
        again = f" `stop {record.id}` tries again." if record.state is RunState.FAILED_TO_KILL else ""
        return f"End: {proof(report)}{again}"
    return ""
