"""Sessions, and what is said in them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from bot.gateway.api import ordering, sight
from bot.gateway.api.fields import LINE, WORD, Key, Limit, Number, moment
from bot.gateway.api.model import Answer, Backstage, Call, Given, Problem, Route, Shown
from bot.gateway.api.receipts import StopReceipt, receipt
from bot.gateway.callers import is_private, own_session
from bot.gateway.model import Caller
from bot.store.records import MessageRecord, SessionRecord
from dispatcher.model import Mode, State
from transports.base import Ack
from transports.clean import clean_text

LONGEST = 100_000  # characters of a message; the dispatcher's own limit, in bytes, is told in the conversation
FileId = Annotated[str, Field(min_length=32, max_length=32, pattern="^[0-9a-f]*$")]
Text = Annotated[
    str, Field(min_length=1, max_length=LONGEST, description="As in any chat: a command, or words for the agent.")
]

# ---------------------------------------------------------------- what goes in and out


class SessionsParams(Given):
    limit: Limit = 50
    after: Key | None = Field(None, description="Only what comes behind this session: the last one of the page before.")


class SessionParams(Given):
    key: Key


class MessagesParams(SessionParams):
    limit: Limit = 50
    before: Number | None = Field(None, description="Only messages with a smaller id.")


class Session(Shown):
    """One conversation."""

    key: str
    transport: str
    project: str | None = Field(description="What it is about; null: the bot's own machine.")
    agent: str | None = Field(description="Whom it talks to; null: the project's agent or the bot's default.")
    mode: Mode
    ambient: bool
    last_seen: datetime = Field(description="When something was last said there.")
    waiting: int = Field(description="Messages that no run has yet.")
    running: list[int] = Field(description="Runs that have not ended.")
    questions: int = Field(description="Permission questions that wait for an answer.")


class Sessions(Shown):
    sessions: list[Session]
    next: str | None = Field(description="The page goes on behind this one; null: it is the last.")


class Message(Shown):
    """Something that somebody said to the bot."""

    id: int
    event_id: str
    transport: str
    sender_name: str
    text: str
    kind: Literal["text", "command"]
    state: State
    reason: str
    accepted_at: datetime
    project: str | None
    agent: str | None
    run: int | None = Field(description="The run that has it; its `reply` is the answer.")
    attachments: int = Field(description="Files that came with it.")
    reply: str = Field(description="What a command was answered.")


class Messages(Shown):
    messages: list[Message] = Field(description="The newest first.")
    next: int | None = Field(description="`before` of the next page; null: this is the last.")


class NewMessage(Given):
    text: Text
    event_id: Annotated[str, Field(max_length=200, pattern=WORD)] | None = Field(
        None, description="Names this message: sent again under the same id it is a duplicate. Made up where absent."
    )
    name: Annotated[str, Field(max_length=80, pattern=LINE)] | None = Field(
        None, description="Who says it, shown beside the caller's own name."
    )
    files: Annotated[list[FileId], Field(max_length=10)] = Field(
        default=[], description="Ids of files that you have sent before; they come with it."
    )


class Taken(Shown):
    """It is in the inbox, and on the disk."""

    id: int = Field(description="Of the message; of the first one, where this is a duplicate.")
    duplicate: bool
    refused: str = Field(description='Why nothing comes of it, as the conversation is told; "": it is taken.')


# ---------------------------------------------------------------- reading


async def index(call: Call[SessionsParams, None], stage: Backstage) -> Answer:
    limit, bound = call.params.limit, call.caller.role == "member"
    found = await stage.history.sessions(
        limit=limit + 1, after=call.params.after, bound=bound, own=own_session(call.caller)
    )
    page = [_session(record, stage) for record in found[:limit]]
    return Answer(Sessions(sessions=page, next=page[-1].key if len(found) > limit else None))


async def messages(call: Call[MessagesParams, None], stage: Backstage) -> Answer:
    await visible(call.caller, call.params.key, stage)
    limit = call.params.limit
    found = await stage.history.messages(call.params.key, limit=limit + 1, before=call.params.before)
    page = found[:limit]
    seen = [each for each in page if each.project is not None or sight.sees_all(call.caller, call.params.key)]
    return Answer(Messages(messages=[shown(each) for each in seen], next=page[-1].id if len(found) > limit else None))


async def visible(caller: Caller, key: str, stage: Backstage) -> SessionRecord:
    """A session, as far as it is the caller's business. Raises Problem."""
    found = await stage.history.session(key)
    if found is None or not (sight.sees_all(caller, key) or (found.settings.project and not is_private(key))):
        raise Problem(404, "There is no such session.")
    return found


def _session(record: SessionRecord, stage: Backstage) -> Session:
    return Session(
        key=record.session,
        transport=record.session.partition("/")[0],
        project=record.settings.project,
        agent=record.settings.agent,
        mode=record.settings.mode,
        ambient=record.settings.ambient,
        last_seen=moment(record.last_seen),
        waiting=record.waiting,
        running=list(record.alive),
        questions=len(stage.questions(record.session)),
    )


def shown(record: MessageRecord) -> Message:
    return Message(
        id=record.id,
        event_id=record.event_id,
        transport=record.transport,
        sender_name=record.sender_name,
        text=record.text,
        kind=record.kind,
        state=record.state,
        reason=record.reason,
        accepted_at=moment(record.accepted_at),
        project=record.project,
        agent=record.agent,
        run=record.run,
        attachments=record.attachments,
        reply=record.reply,
    )


# ---------------------------------------------------------------- saying


async def say(call: Call[SessionParams, NewMessage], stage: Backstage) -> Answer:
    body, key = call.body, call.params.key
    target = await reached(call.caller, key, stage)
    text = words(body.text)
    files = await _files(call.caller, body.files, stage)
    event, name = body.event_id or "", body.name or ""
    return taken(await stage.receive(ordering.inbound(call.caller, key, target, text, event, name, attachments=files)))


def words(given: str) -> str:
    """Without controls. Raises Problem."""
    text = clean_text(given)
    if not text.strip():
        raise Problem(422, "It says nothing.", field="text")
    return text


async def _files(caller: Caller, ids: Sequence[str], stage: Backstage) -> tuple[str, ...]:
    found = []
    for number in dict.fromkeys(ids):
        path = await stage.uploads.find(caller.account, number)
        if path is None:
            raise Problem(422, f"You have sent no file `{number}`, or it is not kept any more.", field="files")
        found.append(str(path))
    return tuple(found)


def taken(ack: Ack) -> Answer:
    """Raises Problem."""
    if ack.status == "ignored" or ack.id is None:
        raise Problem(403, ordering.NO_ROLE)
    refused = ack.reason if ack.status == "refused" else ""
    return Answer(Taken(id=ack.id, duplicate=ack.status == "duplicate", refused=refused), 202)


async def reached(caller: Caller, key: str, stage: Backstage) -> str:
    """Where replies of a session go: where its last message was answered. Raises Problem."""
    if ordering.owns(caller, key):
        return key
    await visible(caller, key, stage)
    return await stage.history.target(key) or key  # a room that the bot has made, and nobody has spoken in


async def stop(call: Call[SessionParams, None], stage: Backstage) -> Answer:
    key = call.params.key
    await visible(call.caller, key, stage)
    target = await reached(call.caller, key, stage)
    _, reply = await ordering.ordered(stage, call.caller, key, target, "stop")
    return Answer(receipt(reply))


ROUTES = (
    Route(
        "GET",
        "/sessions",
        "Lists conversations, the latest heard first",
        "member",
        index,
        {200: Sessions},
        SessionsParams,
        details="Members see those that are about a project, and their own.",
    ),
    Route(
        "GET",
        "/sessions/{key}/messages",
        "Lists what was said to the bot in a conversation",
        "member",
        messages,
        {200: Messages},
        MessagesParams,
    ),
    Route(
        "POST",
        "/sessions/{key}/messages",
        "Says something in a conversation",
        "member",
        say,
        {202: Taken},
        SessionParams,
        NewMessage,
        details="Answered once the message is on the disk. What comes of it is said where the conversation's replies "
        "go, and is in the runs. Your own conversation begins with its first message: `web/` and your account, such as "
        "`web/api:ci` for a token named ci; and so does each further one, with a name behind it: `web/api:ci/nightly`.",
    ),
    Route(
        "POST",
        "/sessions/{key}/stop",
        "Ends the work of a conversation at once, and proves it",
        "operator",
        stop,
        {200: StopReceipt},
        SessionParams,
        refuses=(409,),
    ),
)
