"""What the store decides without a database: pure, shared by the SQL store and its in-memory twin."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Literal, TypeAlias, cast, get_args

from bot.agents.base import Identity
from bot.hidden import shown
from bot.store.records import RunRecord, SessionSettings
from dispatcher.model import Binding, Mode, Notice, Outcome, Row, RunState, SessionKey, State

REFUSED_TEXT = 1_000  # characters kept of a message that was refused
DAY = 86_400.0  # seconds
OVER = ("sent", "possible_repeat", "void")  # states of the outbox that nobody has to look at any more
REPLY_LIMIT = 30_000  # characters of an answer kept in the run record

# How conversations of one person alone begin: what is said on the page is said to the bot, in no room with others.
PRIVATE = "web/"

ALIVE = frozenset({RunState.QUEUED, RunState.STARTING, RunState.RUNNING, RunState.STOPPING})

ROWS_END: Mapping[RunState, State] = {
    RunState.SUCCEEDED: State.ANSWERED,
    RunState.FAILED: State.FAILED,
    RunState.TIMED_OUT: State.FAILED,
    RunState.STOPPED: State.STOPPED,
    RunState.FAILED_TO_KILL: State.STOPPED,
    RunState.INTERRUPTED: State.INTERRUPTED,
}

# What may be changed of a run after it was made; its origin (session, target, batch …) never.
RUN_COLUMNS = frozenset(
    {
        "state",
        "started_at",
        "ended_at",
        "project",
        "agent",
        "model",
        "native_session",
        "exit_code",
        "cost",
        "tokens_in",
        "tokens_out",
        "error",
        "reply",
        "kill_report",
        "containment",
        "resets_at",
    }
)
BINDS = frozenset({"project", "agent", "mode", "ambient"})

NO_PROJECT = "this conversation is about no project, and agents outside of projects are for operators"

# What a command does to messages when it is a stop: discards those of its session, of every session, or none
# (`stop <id>`). None: it is no stop.
StopScope: TypeAlias = Literal["session", "all", "run"] | None


@dataclass(frozen=True, slots=True)
class RecoveryWords:
    """What the recovery says and recognises; the store knows neither commands nor phrases."""

    run_cut_off: Callable[[RunRecord], str]
    command_cut_off: Callable[[str], str]  # takes the command's text
    stop_done: Callable[[str, int], str]  # takes the command's text and how many messages it discarded
    stop_scope: Callable[[str], StopScope]  # takes the command's text
    question_over: Callable[[str], str]  # takes the text of a permission question whose run was cut off


def binding_of(settings: SessionSettings, default: Binding) -> Binding:
    return Binding(
        project=default.project if settings.project is None else settings.project,
        agent=default.agent if settings.agent is None else settings.agent,
    )


def rebound(settings: SessionSettings, binds: Mapping[str, str | None]) -> SessionSettings:
    """The settings after `binds`; None unsets. Raises ValueError for a key or a value that does not exist."""
    if unknown := set(binds) - BINDS:
        raise ValueError(f"no such session setting: {', '.join(sorted(unknown))}")
    mode = binds.get("mode", settings.mode) or "collect"
    if mode not in get_args(Mode):
        raise ValueError(f"no such mode: {mode}")
    ambient = binds.get("ambient", "on" if settings.ambient else None)
    if ambient not in ("on", "off", None):
        raise ValueError(f"ambient is on or off, not {ambient}")
    return replace(
        settings,
        project=binds.get("project", settings.project),
        agent=binds.get("agent", settings.agent),
        mode=cast("Mode", mode),
        ambient=ambient == "on",
    )


def begun(known: Mapping[SessionKey, SessionSettings], session: SessionKey, parent: SessionKey) -> SessionSettings:
    """A session's settings; one that nothing was taken in for yet begins with its parent's."""
    return known.get(session) or known.get(parent) or SessionSettings()


def prompt_of(rows: Iterable[Row]) -> str:
    return "\n\n".join(row.text for row in rows)


def keyed(notices: Iterable[Notice]) -> tuple[Notice, ...]:
    """Every notice with a key of its own, made once, so that a repeated attempt to write it writes the same.

    And without secrets, whoever made it: all that is put into the outbox comes by here.
    """
    return tuple(replace(_clean(notice), key=notice.key or secrets.token_hex(16)) for notice in notices)


def _clean(notice: Notice) -> Notice:
    text = shown(notice.text)
    return notice if text == notice.text else replace(notice, text=text, asides=())  # they have moved


def ending_of(question: str) -> str:
    """The key of the notice that says how the question of that key ended: there is one, whoever is first."""
    return f"{question}/ended"


def run_columns(values: Mapping[str, object]) -> dict[str, object]:
    """Column values as the store keeps them (plain JSON inside). Raises ValueError for what no run has."""
    if unknown := set(values) - RUN_COLUMNS:
        raise ValueError(f"no such run column: {', '.join(sorted(unknown))}")
    columns = dict(values)
    if "kill_report" in columns:
        columns["kill_report"] = json.loads(json.dumps(columns["kill_report"]))
    for name, most in (("reply", REPLY_LIMIT), ("error", None)):
        if isinstance(said := columns.get(name), str):
            columns[name] = shown(said)[:most]
    if isinstance(identity := columns.get("containment"), Identity):
        columns["containment"] = asdict(identity)
    if isinstance(state := columns.get("state"), RunState):
        columns["state"] = state.value
    return columns


def end_columns(outcome: Outcome, now: float) -> dict[str, object]:
    """Raises ValueError where the outcome's state is not a final one."""
    if outcome.state not in ROWS_END:
        raise ValueError(f"{outcome.state} is not how a run ends")
    return {
        **run_columns({"error": outcome.reason or None, **outcome.record}),
        "state": outcome.state.value,
        "ended_at": now,
    }


def identity_of(stored: object) -> Identity | None:
    return Identity(**stored) if isinstance(stored, dict) else None


def record_fields(columns: Mapping[str, object]) -> dict[str, object]:
    """Stored column values as RunRecord's fields hold them."""
    fields = dict(columns)
    if "state" in fields:
        fields["state"] = RunState(str(fields["state"]))
    if "containment" in fields:
        fields["containment"] = identity_of(fields["containment"])
    return fields


def revives(columns: Mapping[str, object]) -> bool:
    """Whether `columns` would bring an ended run back to life: a late word about it must not."""
    return "state" in columns and RunState(str(columns["state"])) in ALIVE
