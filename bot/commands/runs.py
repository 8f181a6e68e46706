"""stop, runs, run, retry: work and its history."""

from __future__ import annotations

from typing import cast

from bot.commands import reports, words
from bot.commands.model import Arg, Args, Command, Desk, Example, Invocation, Reply, Role, StopReport
from bot.store.records import RunRecord

GROUP = "Work"
SHOWN = 10  # runs in a list that was not asked to be longer
MOST = 50

# ---------------------------------------------------------------- stop


def _stop_role(args: Args) -> Role:
    return "owner" if args.get("what") == "all" else "member"


async def _stop(invocation: Invocation, desk: Desk) -> Reply:
    report = await _stopping(invocation, desk)
    return Reply(words.stopped(report), words.stop_succeeded(report), report)


async def _stopping(invocation: Invocation, desk: Desk) -> StopReport:
    what = invocation.args.get("what")
    if what is None:
        return await desk.stop_session(invocation.asker)
    if what == "all":
        return await desk.stop_all(invocation.asker)
    return await desk.stop_run(invocation.asker, cast("int", what))


STOP = Command(
    name="stop",
    group=GROUP,
    summary="ends the work of this conversation at once, and proves it",
    args=(Arg("what", "run", optional=True, choices=("all",)),),
    details=(
        "Discards messages that wait, ends the run with every process it started, verifies that none is left and "
        "says so; if that cannot be proven, it says that. Work handed to programs outside (a service manager, cron) "
        "is out of reach. Only the bare word counts, in any case and with any closing punctuation; `stop the server` "
        "is text. `stop <id>` ends one run: your own conversation's, or any if you are an operator. `stop all` ends "
        "everything everywhere and is for owners. Where a network has buttons, the message that a run is writing has "
        "one that says `stop <id>` for it."
    ),
    examples=(
        Example("stop", "ends what runs here and discards what waits"),
        Example("STOP!", "the same"),
        Example("stop 9", "ends run 9"),
        Example("stop all", "ends everything"),
    ),
    handler=_stop,
    needs=_stop_role,
    emphatic=True,
)

# ---------------------------------------------------------------- runs, run


async def _runs(invocation: Invocation, desk: Desk) -> Reply:
    wanted = cast("int", invocation.args.get("n", SHOWN))
    records = await desk.runs(invocation.asker.session, max(1, min(wanted, MOST)))
    return Reply(reports.runs(records, desk.now()))


RUNS = Command(
    name="runs",
    group=GROUP,
    summary="lists the latest runs of this conversation",
    args=(Arg("n", "count", optional=True),),
    details=f"The newest {SHOWN}, or as many as you ask for, at most {MOST}.",
    examples=(Example("runs", f"the latest {SHOWN}"), Example("runs 3", "the latest three")),
    handler=_runs,
)


async def _run(invocation: Invocation, desk: Desk) -> Reply:
    id_ = cast("int", invocation.args["id"])
    record = await desk.run(id_)
    if record is None or not _may_read(invocation, record):
        return Reply(words.no_run(id_), ok=False)
    return Reply(reports.run(record, desk.now()))


def _may_read(invocation: Invocation, record: RunRecord) -> bool:
    """Members read their own conversation's runs; others are as if they were not there."""
    return record.session == invocation.asker.session or invocation.asker.role in ("operator", "owner")


RUN = Command(
    name="run",
    group=GROUP,
    summary="shows one run: what was asked, answered, and how it ended",
    args=(Arg("id", "run"),),
    details="The messages it worked on, the reply, duration and cost, and what ending it found. Operators see any run.",
    examples=(Example("run 8", "everything about run 8"),),
    handler=_run,
)

# ---------------------------------------------------------------- retry


async def _retry(invocation: Invocation, desk: Desk) -> Reply:
    moment = _moment(invocation.args)
    if moment is None:
        return Reply(f"Usage: `{RETRY.usage}`.", ok=False)
    run = invocation.args.get("id")
    number = run if isinstance(run, int) else None
    record = await desk.to_retry(invocation.asker, number)
    if record is not None and record.kind != "agent":
        return await desk.projects.repeat(invocation, record, desk)
    result = await desk.retry(invocation.asker, number, invocation.message_id, moment)
    return Reply(words.retried(result, desk.now()), ok=result.outcome in ("again", "later"), came=result)


def _moment(args: Args) -> str | None:
    """When: "" is now; None where the words make no sense ("retry 8 14:05")."""
    given = [str(args[name]) for name in ("id", "at", "when") if name in args and not isinstance(args[name], int)]
    if not given:
        return ""
    return given[1] if len(given) == 2 and given[0] == "at" and given[1] != "at" else None


RETRY = Command(
    name="retry",
    group=GROUP,
    summary="sends the messages of a run once more",
    args=(
        Arg("id", "run", optional=True, choices=("at",)),
        Arg("at", "moment", optional=True),
        Arg("when", "moment", optional=True),
    ),
    usage="retry [id] [at reset|at HH:MM]",
    details=(
        "Without a number the latest run of this conversation. The texts are sent again as a new message and make a "
        "new run; nothing is ever rerun unless you ask for it like this. `at reset` waits until the limit ends that "
        "the agent's provider named, `at 14:05` until that time of the bot's machine; a restart of the bot does not "
        "matter, and `stop` cancels it."
    ),
    examples=(
        Example("retry", "repeats the latest run"),
        Example("retry 8", "repeats run 8"),
        Example("retry 8 at reset", "when its provider's limit ends"),
        Example("retry at 14:05", "the latest one, at that time"),
    ),
    handler=_retry,
)
