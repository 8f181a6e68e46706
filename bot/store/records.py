"""Plain values that the store hands out. No SQL, no logic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bot.agents.base import Identity
from dispatcher.model import Kind, Mode, RunState, State


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run, as `run <id>` shows it. Times are Unix seconds."""

    id: int
    kind: str  # agent | provision …
    session: str
    project: str | None
    requested_by: str  # display name of the batch's last sender
    agent: str | None
    state: RunState
    target: str
    queued_at: float
    started_at: float | None = None
    ended_at: float | None = None
    model: str | None = None
    native_session: str | None = None
    exit_code: int | None = None
    cost: float = 0.0  # US dollars of this run alone
    tokens_in: int = 0
    tokens_out: int = 0
    error: str | None = None
    reply: str | None = None  # the answer's text, at most 30 kB
    kill_report: Mapping[str, object] | None = None  # fields of KillReport
    containment: Identity | None = None  # None: no process of it was ever started
    resets_at: float | None = None  # Unix seconds: when the limit of its provider ends that refused it
    messages: tuple[int, ...] = ()  # inbox ids of its batch
    prompt: str = ""  # their texts joined by blank lines


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """What a session was told to be; None means the bot's default."""

    project: str | None = None
    agent: str | None = None
    mode: Mode = "collect"
    ambient: bool = False  # everything said there is meant for the bot, mentioned or not


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A conversation, as lists of them show it."""

    session: str
    settings: SessionSettings
    last_seen: float  # Unix seconds: when something was last taken in for it
    waiting: int = 0  # messages that no run has yet
    alive: tuple[int, ...] = ()  # runs that have not ended


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRecord:
    """One row of the inbox, as lists show it."""

    id: int
    session: str
    transport: str
    account: str  # which of our accounts on that network received it
    event_id: str
    sender: str
    sender_name: str
    text: str
    kind: Kind
    state: State
    reason: str = ""
    accepted_at: float  # Unix seconds
    project: str | None = None
    agent: str | None = None
    run: int | None = None  # which has it
    attachments: int = 0  # files that came with it
    reply: str = ""  # what a command was answered, as long as the outbox has it


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsWanted:
    """Which runs a page of them shows; None: whatever it is."""

    limit: int
    before: int | None = None  # ids below this
    session: str | None = None
    project: str | None = None
    state: RunState | None = None
    bound: bool = False  # those alone that are about a project


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsOfDay:
    """Runs that ended on one day, in UTC. Sums; times in seconds."""

    day: int  # days since 1970-01-01
    runs: int
    succeeded: int
    stopped: int  # those that neither succeeded nor were stopped have failed, one way or the other
    waited: float  # from asking to the start, or to the end where they never started
    ran: float
    cost: float  # US dollars
    tokens_in: int
    tokens_out: int


@dataclass(frozen=True, slots=True)
class Member:
    """What somebody may do, as it was granted in a chat."""

    transport: str
    user: str  # the network's id of the person
    name: str  # as the network showed it when it was granted; "": not known
    role: str  # bot.commands.model.Role
    granted_by: str = ""  # display name
    granted_at: float = 0.0  # Unix seconds


@dataclass(frozen=True, slots=True)
class Conversation:
    """What an agent keeps for a session, agent and project."""

    native: str  # the agent's own id of it
    spent: float | None = None  # US dollars, the agent's own sum over the conversation; None: it says none


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduled:
    """A message that is put into the inbox when it is due, under an event of its own."""

    id: int = 0  # 0: not kept yet
    run: int  # which it repeats
    session: str
    transport: str
    account: str
    event_id: str
    sender: str
    sender_name: str
    text: str
    target: str
    due_at: float  # Unix seconds
    direct: bool = False


@dataclass(frozen=True, slots=True)
class OutboxItem:
    id: int
    target: str
    text: str
    kind: str
    key: str
    # void: there was nothing to say any more
    state: Literal["pending", "sending", "sent", "possible_repeat", "undeliverable", "void"]
    attempts: int = 0
    run: int | None = None
    repeat: bool = False  # may have been delivered before: the bot died, or the network fell silent, while it was sent
    edits: str = ""  # as in dispatcher.model.Notice, and so are the next two
    asides: tuple[tuple[int, int], ...] = ()
    replaces: str = ""


@dataclass(frozen=True, slots=True)
class Books:
    """P8: every accepted message in exactly one state. Counts by state name, texts and commands apart."""

    texts: Mapping[str, int] = field(default_factory=dict)
    commands: Mapping[str, int] = field(default_factory=dict)
    runs: Mapping[str, int] = field(default_factory=dict)
    outbox: Mapping[str, int] = field(default_factory=dict)
    accepted: int = 0  # all rows; equals the sum of texts and commands, or the books do not balance


@dataclass(frozen=True, slots=True)
class CutOff:
    """What a crash interrupted, as the recovery found it: told in its chat, rerun only on `retry`."""

    runs: tuple[RunRecord, ...] = ()  # now interrupted (or failed_to_kill where the leftovers would not die)
    commands: tuple[str, ...] = ()  # texts of commands that were accepted and never done, now interrupted
    discarded: int = 0  # rows that a stop accepted before the crash still had to discard
