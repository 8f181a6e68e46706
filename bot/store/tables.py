"""The schema, once for SQLite and PostgreSQL. Changed together with a new revision under migrations/."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    Double,
    Index,
    Integer,
    Table,
    UniqueConstraint,
    literal_column,
    text,
)
from sqlmodel import Field, SQLModel

# SQLite gives a table its row id only for the very word INTEGER; PostgreSQL's INTEGER would end at 2**31.
Id = BigInteger().with_variant(Integer(), "sqlite")
Json = JSON(none_as_null=True)

WAITING = "state = 'waiting'"
PAST = "state <> 'waiting'"
COMMAND = "kind = 'command'"
UNDELIVERED = "state IN ('pending', 'sending')"


def _partial(name: str, *columns: str, where: str) -> Index:
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


class MessageTable(SQLModel, table=True):
    """The inbox: one row per accepted or refused message."""

    __tablename__ = "messages"
    __table_args__ = (
        UniqueConstraint("transport", "account", "session", "event_id", name="uq_messages_event"),
        _partial("ix_messages_waiting", "session", "id", where=WAITING),
        _partial("ix_messages_commands", "id", where=COMMAND),
        Index("ix_messages_books", "state", "kind"),
        Index("ix_messages_run", "run"),
        # What is read in a conversation. Without the condition SQLite would prefer it to the first one.
        _partial("ix_messages_past", "session", "id", where=PAST),
        Index("ix_messages_event_id", "event_id"),  # where a reply or a reaction tells no more than that
    )

    id: int = Field(primary_key=True, sa_type=Id, sa_column_kwargs={"autoincrement": False})  # given at the call
    session: str
    transport: str
    account: str
    event_id: str
    sender: str
    sender_name: str
    text: str
    attachments: list[str] = Field(sa_type=Json)
    sent_at: float | None = Field(default=None, sa_type=Double)  # by the network's clock, for people only
    accepted_at: float = Field(sa_type=Double)
    kind: str
    project: str | None = None
    agent: str | None = None
    direct: bool
    target: str
    state: str
    run: int | None = Field(default=None, foreign_key="runs.id", sa_type=Id)
    reason: str = ""


class RunTable(SQLModel, table=True):
    __tablename__ = "runs"
    __table_args__ = (
        Index("ix_runs_session", "session", "id"),
        Index("ix_runs_state", "state", "id"),
        Index("ix_runs_ended", "ended_at"),
    )

    id: int = Field(primary_key=True, sa_type=Id, sa_column_kwargs={"autoincrement": False})
    kind: str
    session: str
    project: str | None = None
    requested_by: str
    agent: str | None = None
    state: str
    target: str
    queued_at: float = Field(sa_type=Double)
    started_at: float | None = Field(default=None, sa_type=Double)
    ended_at: float | None = Field(default=None, sa_type=Double)
    model: str | None = None
    native_session: str | None = None
    exit_code: int | None = None
    cost: float = Field(default=0.0, sa_type=Double)
    tokens_in: int = Field(default=0, sa_type=BigInteger)
    tokens_out: int = Field(default=0, sa_type=BigInteger)
    error: str | None = None
    reply: str | None = None
    kill_report: dict[str, Any] | None = Field(default=None, sa_type=Json)
    containment: dict[str, Any] | None = Field(default=None, sa_type=Json)
    prompt: str = ""
    resets_at: float | None = Field(default=None, sa_type=Double)


class OutboxTable(SQLModel, table=True):
    __tablename__ = "outbox"
    __table_args__ = (
        UniqueConstraint("key", name="uq_outbox_key"),
        _partial("ix_outbox_undelivered", "target", "id", where=UNDELIVERED),
        # Not led by the state: SQLite would prefer it to the partial index above.
        Index("ix_outbox_settled", "settled_at", "state"),
    )

    id: int = Field(primary_key=True, sa_type=Id, sa_column_kwargs={"autoincrement": False})
    target: str
    text: str
    kind: str
    key: str
    state: str
    attempts: int
    run: int | None = Field(default=None, sa_type=Id)
    repeat: bool
    created_at: float = Field(sa_type=Double)
    due_at: float = Field(sa_type=Double)
    settled_at: float | None = Field(default=None, sa_type=Double)
    ref: str = ""  # the network's id of the delivered message
    error: str = ""  # why the last attempt failed
    edits: str | None = None  # id of the message that it replaces
    asides: list[list[int]] | None = Field(default=None, sa_type=Json)  # slices of the text
    replaces: str | None = None  # key of the row whose message it is the new text of


class TranscriptTable(SQLModel, table=True):
    """What chats were shown of us: bot.transcript.model.Said."""

    __tablename__ = "transcript"
    __table_args__ = (
        Index("ix_transcript_session", "session", "id"),
        Index("ix_transcript_ref", "target", "ref", "id"),
    )

    id: int = Field(primary_key=True, sa_type=Id, sa_column_kwargs={"autoincrement": False})
    session: str
    target: str
    ref: str
    key: str
    kind: str
    parts: list[list[Any]] = Field(sa_type=Json)  # text, whether it is an aside
    choices: list[list[str]] = Field(sa_type=Json)  # text, label, symbol
    run: int | None = Field(default=None, sa_type=Id)
    at: float = Field(sa_type=Double)
    changed_at: float | None = Field(default=None, sa_type=Double)
    version: int = 0  # how often it was changed
    file: dict[str, Any] | None = Field(default=None, sa_type=Json)  # fields of Attached


class SessionTable(SQLModel, table=True):
    __tablename__ = "sessions"
    __table_args__ = (Index("ix_sessions_seen", "last_seen"),)

    session: str = Field(primary_key=True)
    project: str | None = None
    agent: str | None = None
    mode: str
    last_seen: float = Field(sa_type=Double)
    ambient: bool | None = None  # NULL, as in rows of older versions, is false


class NativeSessionTable(SQLModel, table=True):
    """The conversation that an agent keeps for a session, by the agent's own id."""

    __tablename__ = "native_sessions"

    session: str = Field(primary_key=True)
    agent: str = Field(primary_key=True)
    project: str = Field(primary_key=True)  # "": no project; NULL is no part of a key
    native: str
    incarnation: int = Field(sa_type=BigInteger)  # of the bot that kept it
    spent: float | None = Field(default=None, sa_type=Double)


class ScheduledTable(SQLModel, table=True):
    """Messages to come: deleted once they are in the inbox."""

    __tablename__ = "scheduled"
    __table_args__ = (
        UniqueConstraint("transport", "account", "session", "event_id", name="uq_scheduled_event"),
        Index("ix_scheduled_due", "due_at", "id"),
        Index("ix_scheduled_session", "session", "due_at"),
    )

    id: int = Field(primary_key=True, sa_type=Id, sa_column_kwargs={"autoincrement": False})
    run: int = Field(foreign_key="runs.id", sa_type=Id)
    session: str
    transport: str
    account: str
    event_id: str
    sender: str
    sender_name: str
    text: str
    target: str
    direct: bool
    due_at: float = Field(sa_type=Double)


class ProjectTable(SQLModel, table=True):
    """The registry of projects: bot.projects.model.Project, flat."""

    __tablename__ = "projects"
    __table_args__ = (
        UniqueConstraint("name", name="uq_projects_name"),
        UniqueConstraint("port", name="uq_projects_port"),
    )

    id: int = Field(primary_key=True, sa_type=Id, sa_column_kwargs={"autoincrement": False})  # random
    name: str
    state: str
    source: str
    source_mark: str = ""
    port: int
    cpus: float = Field(sa_type=Double)
    memory: int = Field(sa_type=BigInteger)
    uid: int = Field(sa_type=BigInteger)
    gid: int = Field(sa_type=BigInteger)
    session: str
    target: str
    created_by: str
    created_at: float = Field(sa_type=Double)
    used_at: float = Field(sa_type=Double)
    stacks: list[str] = Field(sa_type=Json)
    asked_for: list[str] = Field(sa_type=Json)
    forwards: list[int] = Field(sa_type=Json)
    environ: dict[str, str] = Field(sa_type=Json)
    git_url: str = ""
    branch: str = ""
    agent: str = ""
    image: str = ""
    push: str = ""
    run: int | None = Field(default=None, sa_type=Id)
    expires_at: float | None = Field(default=None, sa_type=Double)
    seen: str = ""


class MemberTable(SQLModel, table=True):
    """What people of chat networks may do, as far as the settings do not say it."""

    __tablename__ = "members"

    transport: str = Field(primary_key=True)
    user: str = Field(primary_key=True)
    name: str
    role: str
    granted_by: str
    granted_at: float = Field(sa_type=Double)


class KeepsakeTable(SQLModel, table=True):
    """What transports remember across restarts."""

    __tablename__ = "keepsakes"

    transport: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    value: str


class IncarnationTable(SQLModel, table=True):
    """One row: the bot process that owns this data."""

    __tablename__ = "incarnation"

    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    number: int = Field(sa_type=BigInteger)
    pid: int
    boot_id: str
    host: str
    started_at: float = Field(sa_type=Double)


def _table(model: type[SQLModel]) -> Table:
    return SQLModel.metadata.tables[str(model.__tablename__)]


metadata = SQLModel.metadata
messages = _table(MessageTable)
runs = _table(RunTable)
outbox = _table(OutboxTable)
transcript = _table(TranscriptTable)
sessions = _table(SessionTable)
native_sessions = _table(NativeSessionTable)
scheduled = _table(ScheduledTable)
projects = _table(ProjectTable)
members = _table(MemberTable)
keepsakes = _table(KeepsakeTable)
incarnations = _table(IncarnationTable)

# Literal, because neither database uses a partial index for a condition whose value is a parameter.
is_waiting: ColumnElement[bool] = literal_column(WAITING)
is_past: ColumnElement[bool] = literal_column(PAST)
is_command: ColumnElement[bool] = literal_column(COMMAND)
is_undelivered: ColumnElement[bool] = literal_column(UNDELIVERED)
