"""What was said, or still has to be: first in, first out for each target."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, Connection, Select, and_, case, delete, func, insert, literal, or_, select, update

from bot.store.database import Database
from bot.store.incarnation import Counters
from bot.store.records import OutboxItem
from bot.store.rows import item_of
from bot.store.rules import DAY, OVER, keyed
from bot.store.tables import is_undelivered, outbox
from dispatcher.model import Notice


class Outbox:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, notices: Sequence[Notice], *, run: int | None = None) -> asyncio.Future[None]:
        """A notice whose key is known already is not added again."""
        told = keyed(notices)
        return self._database.write(
            "add", lambda connection: say(connection, told, self._database.clock(), self._database.ids, run)
        )

    async def heads(self, now: float) -> Sequence[OutboxItem]:
        """Of each target the oldest undelivered item, where it is due (wall seconds) and not being sent already."""
        due = _heads().where(outbox.c.due_at <= now).order_by(outbox.c.id)
        return await self._database.read("heads", lambda connection: [item_of(row) for row in connection.execute(due)])

    async def next_due(self) -> float | None:
        """Wall seconds at which the next head is due; None while there is nothing to send."""
        earliest = _heads().with_only_columns(func.min(outbox.c.due_at))
        return await self._database.read("next_due", lambda connection: connection.execute(earliest).scalar_one())

    def sending(self, item: int) -> asyncio.Future[bool]:
        """Before the network is spoken to: whatever is found so after a crash may have been delivered."""
        pending = outbox.c.state == "pending"
        return self._change("sending", item, pending, state="sending", attempts=outbox.c.attempts + 1)

    def sent(self, item: int, ref: str = "") -> asyncio.Future[bool]:
        state = case((outbox.c.repeat, literal("possible_repeat")), else_=literal("sent"))
        return self._settle("sent", item, state=state, ref=ref)

    def retry(self, item: int, at: float, error: str, *, repeat: bool = False) -> asyncio.Future[bool]:
        """Send again at `at` (wall seconds). `repeat`: the network may have taken it all the same."""
        again = or_(outbox.c.repeat, literal(repeat))
        return self._change("retry", item, is_undelivered, state="pending", due_at=at, error=error, repeat=again)

    def undeliverable(self, item: int, error: str) -> asyncio.Future[bool]:
        return self._settle("undeliverable", item, state="undeliverable", error=error)

    def void(self, item: int, why: str) -> asyncio.Future[bool]:
        """There is nothing to say any more."""
        return self._settle("void", item, state="void", error=why)

    async def ref(self, key: str) -> str:
        """The network's id of the message that was sent with `key`; "": there is none."""
        named = select(outbox.c.ref).where(outbox.c.key == key)
        return await self._database.read("ref", lambda connection: connection.execute(named).scalar_one_or_none() or "")

    def prune(self, days: float) -> asyncio.Future[int]:
        """Delete what was delivered, or void, longer ago than `days`; how many. Their keys are free again."""
        delivered = outbox.c.state.in_(OVER)
        old = delete(outbox).where(delivered, outbox.c.settled_at < self._database.clock() - days * DAY)
        return self._database.write("prune", lambda connection: connection.execute(old).rowcount)

    def _settle(self, name: str, item: int, **values: object) -> asyncio.Future[bool]:
        return self._change(name, item, is_undelivered, settled_at=self._database.clock(), **values)

    def _change(self, name: str, item: int, condition: ColumnElement[bool], **values: object) -> asyncio.Future[bool]:
        change = update(outbox).where(and_(outbox.c.id == item, condition)).values(**values)
        return self._database.write(name, lambda connection: connection.execute(change).rowcount > 0)


def _heads() -> Select[tuple[object, ...]]:
    first = select(func.min(outbox.c.id)).where(is_undelivered).group_by(outbox.c.target)
    return select(outbox).where(outbox.c.id.in_(first), outbox.c.state != "sending")


def say(connection: Connection, notices: Iterable[Notice], now: float, ids: Counters, run: int | None = None) -> None:
    """Put notices (with keys) in the outbox, inside the transaction of the fact they speak of."""
    fresh = {notice.key: notice for notice in reversed(list(notices))}
    if not fresh:
        return
    for key in connection.execute(select(outbox.c.key).where(outbox.c.key.in_(fresh))).scalars():
        del fresh[key]
    if fresh:
        connection.execute(insert(outbox), [_row(n, now, ids.next_outbox(), run) for n in reversed(fresh.values())])


def _row(notice: Notice, now: float, number: int, run: int | None) -> dict[str, object]:
    return {
        "id": number,
        "target": notice.target,
        "text": notice.text,
        "kind": notice.kind,
        "key": notice.key,
        "state": "pending",
        "attempts": 0,
        "run": run,
        "repeat": False,
        "created_at": now,
        "due_at": now,
        "ref": "",
        "error": "",
        "edits": notice.edits or None,
        "asides": [list(aside) for aside in notice.asides] or None,
        "replaces": notice.replaces or None,
    }
