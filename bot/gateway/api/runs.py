"""Runs: looking at them, ending them, repeating them, answering what they ask."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from bot.commands import words
from bot.commands.model import Begun, Reply, RetryResult
from bot.gateway.api import sight
from bot.gateway.api.fields import LINE, Key, Limit, Name, Number, maybe, moment
from bot.gateway.api.model import Answer, Backstage, Call, Given, Problem, Route, Shown
from bot.gateway.api.ordering import ordered
from bot.gateway.api.receipts import Proof, StopReceipt, proof, receipt
from bot.gateway.model import Caller
from bot.runs.asking import Decision, Question, Reaction
from bot.store.records import RunRecord, RunsWanted
from dispatcher.model import RunState

LINES: dict[Decision, str] = {"once": "allow", "always": "allow always", "deny": "deny"}

# ---------------------------------------------------------------- what goes in and out


class RunsParams(Given):
    session: Key | None = Field(None, description="Only of this session.")
    project: Name | None = Field(None, description="Only about this project.")
    state: RunState | None = Field(None, description="Only in this state.")
    before: Number | None = Field(None, description="Only with a smaller id.")
    limit: Limit = 50


class RunParams(Given):
    id: Number


class Run(Shown):
    """One piece of work."""

    id: int
    kind: str = Field(description="`agent` for a turn; else `provision`, `rebuild`, `delete` …")
    session: str
    project: str | None
    agent: str | None
    model: str | None
    requested_by: str
    state: RunState
    queued_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    cost: float = Field(description="US dollars.")
    tokens_in: int
    tokens_out: int
    error: str | None
    resets_at: datetime | None = Field(description="When the limit of the agent's provider ends that refused it.")


class Runs(Shown):
    runs: list[Run] = Field(description="The newest first.")
    next: int | None = Field(description="`before` of the next page; null: this is the last.")


class Choice(Shown):
    kind: Literal["allow_once", "allow_always", "reject_once", "reject_always"]
    name: str


class OpenQuestion(Shown):
    """What an agent asks to be allowed."""

    number: int = Field(description="Within its run.")
    agent: str
    tool: str
    input: str = Field(description="The whole of what it wants to do.")
    options: list[Choice]


class RunDetail(Run):
    """Everything about a run."""

    messages: list[int] = Field(description="Ids of the messages it worked on.")
    prompt: str
    reply: str | None = Field(description="What the agent answered, at most 30 kB.")
    exit_code: int | None
    proof: Proof | None = Field(description="What ending its processes found; null: they were not ended by us.")
    questions: list[OpenQuestion] = Field(description="That wait for an answer, the oldest first.")


class Retried(Shown):
    text: str = Field(description="As the conversation is told.")
    run: int | None = Field(description="The new run, where one was begun at once.")
    message: int | None = Field(description="The new message, of which a run will come.")


class Verdict(Given):
    decision: Decision
    why: Annotated[str, Field(max_length=500, pattern=LINE)] | None = Field(
        None, description="Told to the agent with a `deny`."
    )
    question: Number | None = Field(None, description="Which of the run's questions; the oldest open one otherwise.")


class Decided(Shown):
    text: str = Field(description="What was decided, in words.")
    decision: Decision = Field(description="`once` where `always` was asked for and is not offered.")
    open: int = Field(description="Questions of the conversation that still wait.")


# ---------------------------------------------------------------- reading


async def index(call: Call[RunsParams, None], stage: Backstage) -> Answer:
    params = call.params
    wanted = RunsWanted(
        limit=params.limit + 1,
        before=params.before,
        session=params.session,
        project=params.project,
        state=params.state,
        bound=call.caller.role == "member",
    )
    found = await stage.history.runs(wanted)
    page = found[: params.limit]
    seen = [_run(record) for record in page if sight.sees_run(call.caller, record)]
    return Answer(Runs(runs=seen, next=page[-1].id if len(found) > params.limit else None))


async def one(call: Call[RunParams, None], stage: Backstage) -> Answer:
    return Answer(_detail(await visible(call.caller, call.params.id, stage), stage))


async def visible(caller: Caller, number: int, stage: Backstage) -> RunRecord:
    """As far as it is the caller's business. Raises Problem."""
    found = await stage.run(number)
    if found is None or not sight.sees_run(caller, found):
        raise Problem(404, words.no_run(number))
    return found


def _run(record: RunRecord) -> Run:
    return Run(
        id=record.id,
        kind=record.kind,
        session=record.session,
        project=record.project,
        agent=record.agent,
        model=record.model,
        requested_by=record.requested_by,
        state=record.state,
        queued_at=moment(record.queued_at),
        started_at=maybe(record.started_at),
        ended_at=maybe(record.ended_at),
        cost=record.cost,
        tokens_in=record.tokens_in,
        tokens_out=record.tokens_out,
        error=record.error,
        resets_at=maybe(record.resets_at),
    )


def _detail(record: RunRecord, stage: Backstage) -> RunDetail:
    killed = words.kill_report(record.kill_report)
    return RunDetail(
        **dict(_run(record)),
        messages=list(record.messages),
        prompt=record.prompt,
        reply=record.reply,
        exit_code=record.exit_code,
        proof=proof(killed) if killed else None,
        questions=[_question(each) for each in _asked_by(record, stage)],
    )


def _asked_by(record: RunRecord, stage: Backstage) -> list[Question]:
    return [each for each in stage.questions(record.session) if each.batch.run == record.id]


def _question(question: Question) -> OpenQuestion:
    request = question.request
    options = [Choice(kind=option.kind, name=option.name) for option in request.options]
    return OpenQuestion(
        number=question.number, agent=question.agent, tool=request.tool, input=request.input, options=options
    )


# ---------------------------------------------------------------- acting


async def _told(call: Call[RunParams, object], stage: Backstage, record: RunRecord, line: str, key: str = "") -> Reply:
    """Said in the run's own conversation, where its replies go."""
    _, reply = await ordered(stage, call.caller, record.session, record.target, line, answers=key)
    return reply


async def stop(call: Call[RunParams, None], stage: Backstage) -> Answer:
    record = await visible(call.caller, call.params.id, stage)
    return Answer(receipt(await _told(call, stage, record, f"stop {record.id}")))


async def retry(call: Call[RunParams, None], stage: Backstage) -> Answer:
    record = await visible(call.caller, call.params.id, stage)
    reply = await _told(call, stage, record, f"retry {record.id}")
    if isinstance(reply.came, Begun):
        return Answer(Retried(text=reply.text, run=reply.came.run, message=None), 202)
    if not reply.ok or not isinstance(reply.came, RetryResult):
        raise Problem(409, reply.text)
    return Answer(Retried(text=reply.text, run=None, message=reply.came.message), 202)


async def permit(call: Call[RunParams, Verdict], stage: Backstage) -> Answer:
    record, verdict = await visible(call.caller, call.params.id, stage), call.body
    wanted = [each for each in _asked_by(record, stage) if verdict.question in (None, each.number)]
    if not wanted:
        raise Problem(409, f"Run {record.id} asks nothing of the kind now.", error="not_open")
    why = f" {verdict.why}" if verdict.why and verdict.decision == "deny" else ""
    reply = await _told(call, stage, record, f"{LINES[verdict.decision]}{why}", wanted[0].key)
    return _decided(reply)


def _decided(reply: Reply) -> Answer:
    reaction = reply.came
    assert isinstance(reaction, Reaction)
    if reaction.result == "forbidden":
        raise Problem(403, reply.text)
    if reaction.result != "taken" or reaction.answer is None:
        raise Problem(409, reply.text, error="not_open")
    text = words.answered(reaction) or reply.text
    return Answer(Decided(text=text, decision=reaction.answer.decision, open=reaction.open))


ROUTES = (
    Route(
        "GET",
        "/runs",
        "Lists runs, the newest first",
        "member",
        index,
        {200: Runs},
        RunsParams,
        details="Members see those that are about a project.",
    ),
    Route("GET", "/runs/{id}", "Shows one run", "member", one, {200: RunDetail}, RunParams),
    Route(
        "POST",
        "/runs/{id}/stop",
        "Ends a run at once, and proves it",
        "operator",
        stop,
        {200: StopReceipt},
        RunParams,
        refuses=(409,),
    ),
    Route(
        "POST",
        "/runs/{id}/retry",
        "Sends the messages of a run once more, or does its work again",
        "operator",
        retry,
        {202: Retried},
        RunParams,
        refuses=(409,),
    ),
    Route(
        "POST",
        "/runs/{id}/permission",
        "Answers what a run's agent asks",
        "operator",
        permit,
        {200: Decided},
        RunParams,
        Verdict,
        refuses=(409,),
    ),
)
