"""Every text that commands answer, word for word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import pytest

from bot.agents.base import KillReport, PermissionRequest
from bot.agents.config import Place
from bot.commands import REGISTRY, reports, words
from bot.commands.model import AgentInfo, InLine, ResetReport, RetryResult, StatusReport, StopReport, Work
from bot.commands.phrases import brief, code, counted, first_words, lasting, listed
from bot.runs.asking import Answer, Question, Reaction
from bot.runs.words import money
from bot.store.records import Books, RunRecord
from dispatcher.model import Batch, Binding, Ended, Event, Outcome, Row, RunState, Stopped

HERE = "console/local"
CLEAN = KillReport(found=5, seconds=0.14, verified=True, method="bubblewrap")
STUBBORN = KillReport(found=3, seconds=15.2, verified=False, survivors=(4242, 4243), method="supervisor")
UNPROVEN = KillReport(
    found=2, seconds=0.3, verified=False, method="process-group", note="no containment on this system"
)


def _ended(
    run: int, kill: KillReport | Mapping[str, object] | None, state: RunState = RunState.STOPPED, seconds: float = 3.2
) -> Ended:
    return Ended(run, seconds, Outcome(state, record={} if kill is None else {"kill_report": kill}))


def _receipt(*ended: Ended, discarded: int = 0, unfinished: tuple[int, ...] = ()) -> StopReport:
    return StopReport((Stopped(HERE, ended, discarded, unfinished),))


STOPS = [
    (
        _receipt(_ended(9, CLEAN)),
        "Stopped run 9 after 3 s: 5 processes, all verified gone in 0.14 s. 0 messages were waiting.",
    ),
    (
        _receipt(_ended(9, {**asdict(CLEAN), "survivors": []}), discarded=2),
        "Stopped run 9 after 3 s: 5 processes, all verified gone in 0.14 s. "
        "2 messages were waiting and were discarded.",
    ),
    (
        _receipt(_ended(9, KillReport(1, 0.05, True)), discarded=1),
        "Stopped run 9 after 3 s: 1 process, verified gone in 0.05 s. 1 message was waiting and was discarded.",
    ),
    (
        _receipt(_ended(9, KillReport(0, 0.01, True), seconds=70)),
        "Stopped run 9 after 1 min 10 s: no process of it was left, verified in 0.01 s. 0 messages were waiting.",
    ),
    (
        _receipt(_ended(9, None, seconds=0.2)),
        "Stopped run 9 after 0 s; no process of it was ever started. 0 messages were waiting.",
    ),
    (
        _receipt(_ended(9, CLEAN, RunState.SUCCEEDED)),
        "Run 9 ended by itself just before the stop (succeeded) after 3 s: "
        "5 processes, all verified gone in 0.14 s. 0 messages were waiting.",
    ),
    (
        _receipt(_ended(9, UNPROVEN)),
        "Stopped run 9 after 3 s: 2 processes ended in 0.30 s, but this is not proven: no containment on this system. "
        "0 messages were waiting.",
    ),
    (
        _receipt(_ended(9, STUBBORN, RunState.FAILED_TO_KILL)),
        "Run 9 could not be ended: processes 4242 and 4243 are still alive after 15 s. `stop 9` tries again. "
        "0 messages were waiting.",
    ),
    (
        _receipt(
            _ended(9, KillReport(3, 15, False, (4242,), note="in uninterruptible sleep"), RunState.FAILED_TO_KILL)
        ),
        "Run 9 could not be ended: process 4242 is still alive after 15 s (in uninterruptible sleep). "
        "`stop 9` tries again. 0 messages were waiting.",
    ),
    (
        _receipt(_ended(9, UNPROVEN, RunState.FAILED_TO_KILL)),
        "Run 9 could not be ended: processes of it may still be alive (no containment on this system). "
        "`stop 9` tries again. 0 messages were waiting.",
    ),
    (
        _receipt(_ended(9, None, RunState.FAILED_TO_KILL)),
        "Run 9 could not be ended: what became of its processes is not known. `stop 9` tries again. "
        "0 messages were waiting.",
    ),
    (
        _receipt(unfinished=(9,)),
        "Run 9 has not ended yet. `stop 9` tries again, `run 9` shows how it stands. 0 messages were waiting.",
    ),
    (StopReport(), "Nothing was running."),
    (_receipt(), "Nothing was running."),
    (_receipt(discarded=2), "Nothing was running. 2 messages were waiting and were discarded."),
    (
        StopReport((Stopped(HERE),), siblings=(12,)),
        "Nothing was running.\nStill at work in other threads: run 12. `stop 12` ends it.",
    ),
    (
        StopReport((Stopped(HERE),), siblings=(12, 14)),
        "Nothing was running.\nStill at work in other threads: run 12 and run 14. `stop 12` ends the first.",
    ),
    (
        StopReport(
            (Stopped(HERE, (_ended(8, CLEAN),), 1), Stopped("console/b", (_ended(9, KillReport(1, 1, True)),), 2))
        ),
        "Stopped run 8 after 3 s: 5 processes, all verified gone in 0.14 s.\n"
        "Stopped run 9 after 3 s: 1 process, verified gone in 1.00 s. 3 messages were waiting and were discarded.",
    ),
    (StopReport(asked=12, obstacle="unknown"), "There is no run 12; `runs` lists the recent ones."),
    (
        StopReport(asked=12, obstacle="foreign"),
        "Run 12 belongs to another session; only an operator can stop it from here.",
    ),
    (StopReport(asked=12, obstacle="over"), "Run 12 had ended already; `run 12` shows how."),
]


@pytest.mark.parametrize(("report", "text"), STOPS)
def test_receipts_of_a_stop(report: StopReport, text: str) -> None:
    assert words.stopped(report) == text


@pytest.mark.parametrize(
    ("report", "ok"),
    [
        (StopReport(), True),
        (_receipt(_ended(9, CLEAN)), True),
        (_receipt(_ended(9, STUBBORN, RunState.FAILED_TO_KILL)), False),
        (_receipt(unfinished=(9,)), False),
        (StopReport(asked=1, obstacle="unknown"), False),
    ],
)
def test_whether_a_stop_did_what_was_asked(report: StopReport, ok: bool) -> None:
    assert words.stop_succeeded(report) is ok


def test_a_kill_report_survives_storage() -> None:
    stored: dict[str, object] = {**asdict(STUBBORN), "survivors": [4242, 4243]}
    assert words.kill_report(stored) == STUBBORN
    assert words.kill_report(STUBBORN) is STUBBORN
    assert words.kill_report(None) is None


def test_a_kill_report_without_a_verdict_proves_nothing() -> None:
    report = words.kill_report({"found": 1})
    assert report
    assert not report.verified


# ---------------------------------------------------------------- session


def test_hurried() -> None:
    assert words.hurried(0) == "No message is waiting."
    assert words.hurried(1) == "1 message starts without further waiting."
    assert words.hurried(3) == "3 messages start without further waiting."


def test_forgotten() -> None:
    assert words.forgotten(ResetReport(True)) == (
        "The conversation is forgotten; your next message starts a new one. Files stay as they are."
    )
    assert words.forgotten(ResetReport(False)) == (
        "There was no conversation to forget: your next message starts a new one anyway."
    )


def test_mode() -> None:
    assert words.mode("collect") == (
        "Mode `collect`: messages sent during a run wait for its end and go to the agent together. "
        "`mode interrupt` or `mode steer` changes it."
    )
    assert words.mode_set("interrupt") == (
        "Mode is now `interrupt`: a message sent during a run stops that run and takes its place."
    )


def test_agents() -> None:
    infos = (
        AgentInfo("demo", "demo", "python3", default=True, note="no other agent was found"),
        AgentInfo("claude", "claude", "claude"),
    )
    listing = "\n\n- `demo` (default): demo · `python3` · no other agent was found\n- `claude`: claude · `claude`"
    assert words.agents(infos, None) == f"This session talks to `demo`.{listing}"
    assert words.agents(infos, "claude") == f"This session talks to `claude`.{listing}"
    assert words.agents(infos, "old") == (
        f"This session talks to `old`. It is configured no longer; choose another.{listing}"
    )
    assert words.agents((), None) == "No agent is configured; add one to bot.toml."
    assert words.agent_set("demo", infos[0]) == (
        "This session now talks to `demo`, from the next message on. Note: no other agent was found."
    )
    assert words.agent_set("gone", None) == "This session now talks to `gone`, from the next message on."
    assert words.agent_unset("demo") == "This session talks to the default agent again, now `demo`."
    assert words.agent_unset(None) == "This session talks to the default agent again."


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (RetryResult("again", 8, 2), "Run 8 is repeated: 2 messages sent once more."),
        (RetryResult("nothing"), "There is no run in this session to repeat."),
        (RetryResult("unknown", 12), "There is no run 12; `runs` lists the recent ones."),
        (RetryResult("foreign", 12), "Run 12 belongs to another session; repeat it there."),
        (RetryResult("active", 8), "Run 8 has not ended yet; `stop 8` ends it first."),
        (RetryResult("refused", 8, reason="200 messages wait."), "Run 8 was not repeated: 200 messages wait."),
    ],
)
def test_retried(result: RetryResult, text: str) -> None:
    assert words.retried(result) == text


def test_not_allowed() -> None:
    stop, go = REGISTRY.find("stop"), REGISTRY.find("go")
    assert stop
    assert go
    assert words.not_allowed(stop, "owner") == "This `stop` was not carried out: it needs the role owner."
    assert words.not_allowed(go, "member") == "This `go` was not carried out: it needs the role member."


# ---------------------------------------------------------------- after a restart

RUN = RunRecord(
    id=8,
    kind="agent",
    session=HERE,
    project="harbour",
    requested_by="Ada",
    agent="claude",
    state=RunState.SUCCEEDED,
    target=HERE,
    queued_at=1_000.0,
    started_at=1_002.0,
    ended_at=1_050.0,
    model="opus",
    cost=0.0612,
    tokens_in=12_345,
    tokens_out=678,
    reply="Fixed.\n\n```rust\nfn main() {}\n```",
    kill_report=asdict(CLEAN),
    messages=(3, 4),
    prompt="the parser panics\non an empty line\n\nsee issue 12, and add a test | `now`",
)


def _run(**changes: object) -> RunRecord:
    return replace(RUN, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("run", "text"),
    [
        (
            _run(prompt="the parser panics"),
            "Run 8 (claude: the parser panics) was cut off by a restart. Nothing was rerun; `retry 8` repeats it.",
        ),
        (
            _run(prompt="the parser panics on an empty line and nobody knows why it does that"),
            "Run 8 (claude: the parser panics on an empty line and nobody knows why it…) was cut off by a restart. "
            "Nothing was rerun; `retry 8` repeats it.",
        ),
        (
            _run(agent=None, kind="provision", prompt=""),
            "Run 8 (provision) was cut off by a restart. Nothing was rerun; `retry 8` repeats it.",
        ),
        (
            _run(prompt="a", state=RunState.FAILED_TO_KILL, kill_report=asdict(STUBBORN)),
            "Run 8 (claude: a) was cut off by a restart. It could not be ended: processes 4242 and 4243 are still "
            "alive after 15 s. `stop 8` tries again. Nothing was rerun.",
        ),
    ],
)
def test_cut_off(run: RunRecord, text: str) -> None:
    assert words.cut_off(run) == text


def test_interrupted() -> None:
    assert words.interrupted("retry 3") == (
        "`retry 3` was cut off by a restart and was not carried out; send it again."
    )


# ---------------------------------------------------------------- status

BOOKS = Books(
    texts={"answered": 9, "failed": 1, "waiting": 2, "claimed": 0},
    commands={"done": 3, "accepted": 1},
    runs={"succeeded": 8, "failed_to_kill": 1},
    outbox={"sent": 20, "possible_repeat": 1},
    accepted=16,
)
BALANCED = (
    "Books: 16 messages accepted = 12 texts (9 answered, 1 failed, 2 waiting) + 4 commands (3 done, 1 accepted). "
    "They balance.\nRuns: 8 succeeded, 1 failed to kill. Outbox: 20 sent, 1 possible repeat."
)


def test_status_of_an_idle_session() -> None:
    assert reports.status(StatusReport()) == (
        "- Nothing is running, queued or waiting here.\n\n"
        "Books: 0 messages accepted = 0 texts + 0 commands. They balance.\nRuns: none. Outbox: none."
    )


def test_status_of_a_busy_session() -> None:
    report = StatusReport(
        running=(
            Work(8, "agent", "claude", "harbour", 48, 2.4),
            Work(9, "provision", None, None, 3, None, RunState.STOPPING),
        ),
        in_line=(InLine(2, "run 7 in harbour", 12), InLine(1, "", 3)),
        waiting=(4.0, 1.0),
        elsewhere=1,
        books=BOOKS,
        trouble=("Matrix: the token was revoked; `tugbot init matrix` makes a new one.",),
    )
    assert reports.status(report) == (
        "- Run 8 is running: claude in harbour, for 48 s, last sign of life 2 s ago\n"
        "- Run 9 is stopping: provision, for 3 s\n"
        "- In line for 12 s: place 2, behind run 7 in harbour\n"
        "- In line for 3 s: place 1, until a run ends elsewhere\n"
        "- 2 messages wait, the oldest for 4 s (`go` hurries)\n"
        "- 1 run at work in other sessions\n"
        "- **Trouble:** Matrix: the token was revoked; `tugbot init matrix` makes a new one.\n"
        "\n" + BALANCED
    )


def test_status_of_one_waiting_message() -> None:
    assert reports.status(StatusReport(waiting=(4.0,))).startswith("- 1 message waits, for 4 s (`go` hurries)\n")


@pytest.mark.parametrize("accepted", [15, 17])
def test_books_that_do_not_balance_say_so(accepted: int) -> None:
    wrong = Books(BOOKS.texts, BOOKS.commands, accepted=accepted)
    assert not reports.balanced(wrong)
    assert reports.books(wrong)[0].endswith(
        "**They do not balance:** the states add up to 16. Please report this, with the bot's log."
    )


def test_books_that_balance() -> None:
    assert reports.balanced(BOOKS)
    assert "\n".join(reports.books(BOOKS)) == BALANCED


# ---------------------------------------------------------------- runs

NOW = 1_230.0


def test_runs_as_a_table() -> None:
    young = RunRecord(
        id=9,
        kind="agent",
        session=HERE,
        project=None,
        requested_by="Ada",
        agent="demo",
        state=RunState.RUNNING,
        target=HERE,
        queued_at=1_224.0,
        started_at=1_225.0,
        prompt="slow 50",
    )
    assert reports.runs((young, RUN), NOW) == (
        "| run | state | what | began | took | cost |\n"
        "|---:|---|---|---|---:|---:|\n"
        "| 9 | running | demo: slow 50 | 5 s ago | 5 s |  |\n"
        "| 8 | succeeded | claude in harbour: the parser panics on an empty line see… | 3 min 48 s ago | 48 s | $0.06 |"
    )
    assert reports.runs((), NOW) == "No run yet in this session."


def test_a_run_that_never_started_has_no_duration() -> None:
    assert "| 3 min 50 s ago |  |" in reports.runs((_run(started_at=None, state=RunState.STOPPED),), NOW)


def test_one_run() -> None:
    assert reports.run(RUN, NOW) == (
        "**Run 8** · succeeded · claude in harbour\n"
        "for Ada · 2 messages · began 3 min 48 s ago · took 48 s · opus · $0.06 · 12,345 tokens in, 678 out\n\n"
        "Asked:\n> the parser panics\n> on an empty line\n>\n> see issue 12, and add a test | `now`\n\n"
        "Answered:\n> Fixed.\n>\n> ```rust\n> fn main() {}\n> ```\n\n"
        "End: 5 processes, all verified gone in 0.14 s."
    )


def test_one_run_that_failed() -> None:
    run = _run(
        state=RunState.FAILED_TO_KILL,
        exit_code=2,
        error="no such file\nor directory",
        reply=None,
        kill_report=asdict(STUBBORN),
        cost=0.0,
        tokens_in=0,
        tokens_out=0,
        model=None,
        prompt="a" * 2_000,
    )
    assert reports.run(run, NOW) == (
        "**Run 8** · failed to kill · claude in harbour\n"
        "for Ada · 2 messages · began 3 min 48 s ago · took 48 s · exit code 2\n\n"
        f"Asked:\n> {'a' * 1_500}…\n\n"
        "Error: no such file or directory\n\n"
        "End: processes 4242 and 4243 are still alive after 15 s. `stop 8` tries again."
    )


# ---------------------------------------------------------------- phrases


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"),
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (125, "2 min 5 s"),
        (3_600, "1 h"),
        (3_780, "1 h 3 min"),
        (86_399, "23 h 59 min"),
        (86_400, "1 d"),
        (273_600, "3 d 4 h"),
    ],
)
def test_lasting(seconds: float, text: str) -> None:
    assert lasting(seconds) == text


def test_brief() -> None:
    assert brief(0.0049) == "0.00 s"
    assert brief(9.99) == "9.99 s"
    assert brief(15) == "15 s"


def test_counted() -> None:
    assert [counted(1, "process"), counted(2, "process"), counted(1_000, "run")] == [
        "1 process",
        "2 processes",
        "1,000 runs",
    ]


def test_money() -> None:
    assert [money(0.06), money(12), money(0.0012)] == ["$0.06", "$12.00", "$0.0012"]


def test_first_words_are_one_safe_line() -> None:
    assert first_words("  a\n\tb  ") == "a b"
    assert first_words("a`b|c") == "a'b¦c"
    assert first_words("abcdef", 5) == "abcd…"
    assert first_words("a" + " " * 1_000 + "b", 5) == "a…"
    assert code("`x`") == "`'x'`"
    assert code("") == "` `"


def test_listed() -> None:
    assert [listed(()), listed(("a",)), listed(("a", "b")), listed(("a", "b", "c"), "or")] == [
        "",
        "a",
        "a and b",
        "a, b or c",
    ]


# ---------------------------------------------------------------- permissions


def _question(text: str = "cargo test", place: Place = "host") -> Question:
    row = Row(1, Event(HERE, "console", "", "1"), "ada", "Ada", "x", HERE, Binding(agent="claude"))
    nobody: Any = None  # waits for this one
    return Question(1, Batch(8, (row,)), "claude", place, PermissionRequest("p", "Bash", text), nobody)


@pytest.mark.parametrize(
    ("reaction", "text"),
    [
        (Reaction("nothing"), "No agent asks for anything here."),
        (Reaction("ended", _question()), "Run 8 has ended; its question is void."),
        (Reaction("ended"), "That question is not open any more: its run is over."),
        (Reaction("taken", _question(), Answer("once", by="Ada"), shown=True), ""),
        (Reaction("taken", _question(), Answer("once", by="Ada")), "Allowed once: `Bash` (run 8)."),
        (Reaction("taken", _question(), Answer("always", by="Ada")), "Allowed from now on: `Bash` (run 8)."),
        (
            Reaction("taken", _question(), Answer("deny", "no", "Ada"), 2),
            "Denied: `Bash` (run 8). 2 questions more to answer.",
        ),
        (
            Reaction("taken", _question(), Answer("once", by="Ada"), only_once=True),
            "Allowed once: `Bash` (run 8). It offers no `always`, so it is for this once.",
        ),
        (
            Reaction("decided", _question(), Answer("deny", "nobody answered within 2 min")),
            "That was decided already: denied (nobody answered within 2 min) `Bash` (run 8).",
        ),
        (
            Reaction("forbidden", _question()),
            "Run 8 works on the bot's own machine, so only an operator can answer its question.",
        ),
    ],
)  # fmt: skip
def test_answered(reaction: Reaction, text: str) -> None:
    assert words.answered(reaction) == text


def test_the_whole_of_a_question_cannot_leave_its_block() -> None:
    assert words.whole(_question("a\n```\nb")) == "Run 8 asks to use `Bash`:\n````\na\n```\nb\n````"
    assert words.whole(None) == "No agent asks for anything here."


def test_what_rested_and_what_was_to_come() -> None:
    rested = KillReport(3, 0.01, True, method="bubblewrap")
    assert words.stopped(StopReport((Stopped(HERE),), rested=(rested,), unscheduled=1)) == (
        "Nothing was running.\n"
        "The agent that rested for the next message was ended as well: 3 processes, all verified gone in 0.01 s.\n"
        "1 retry that was to come is cancelled."
    )
    kept = StopReport((Stopped(HERE),), unscheduled=None)
    assert "Say `stop` again later." in words.stopped(kept)
    assert not words.stop_succeeded(kept)
    unproven = KillReport(3, 0.01, False, (7,))
    assert not words.stop_succeeded(StopReport((Stopped(HERE),), rested=(unproven,)))


def test_an_agent_that_cannot_be_chosen_says_why() -> None:
    info = AgentInfo("codex", "", "", obstacle="was found, but is not logged in")
    assert words.agents((info,), "codex").endswith("- `codex` cannot be chosen: it was found, but is not logged in")


def test_all_that_is_known_of_an_agent() -> None:
    info = AgentInfo(
        "claude", "claude", "claude", True, "chosen", "2.1.329", "sandbox on this machine", "permissions: ask"
    )
    assert words.agents((info,), None).endswith(
        "- `claude` (default): claude · `claude` version 2.1.329 · sandbox on this machine · permissions: ask · chosen"
    )
    assert "takes none" in words.mode_set("steer", info)


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (RetryResult("later", 8, due=1_800_000_000.0), "Run 8 is repeated on"),
        (RetryResult("no reset", 8), "Run 8 was not refused by a limit whose end is known; `retry 8 at 14:05`"),
    ],
)
def test_retried_later(result: RetryResult, text: str) -> None:
    assert words.retried(result, 1_700_000_000.0).startswith(text)
