"""The store, whole: what the composition root opens and hands out in parts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from bot.store.books import read_books
from bot.store.database import Database
from bot.store.history import History
from bot.store.inbox import Inbox
from bot.store.keepsakes import Keepsakes
from bot.store.ledger import Ledger
from bot.store.members import Members
from bot.store.migrations import migrate
from bot.store.outbox import Outbox
from bot.store.projects import Projects
from bot.store.records import Books, CutOff
from bot.store.recovery import Recovery
from bot.store.rules import RecoveryWords
from bot.store.runs import Runs
from bot.store.schedule import Schedule
from bot.store.sessions import Sessions
from bot.store.transcript import Transcript


class Store:
    def __init__(self, database: Database) -> None:
        self._database = database
        self.inbox = Inbox(database)
        self.ledger = Ledger(database)
        self.runs = Runs(database)
        self.outbox = Outbox(database)
        self.sessions = Sessions(database)
        self.schedule = Schedule(database)
        self.projects = Projects(database)
        self.members = Members(database)
        self.history = History(database)
        self.transcript = Transcript(database)

    @classmethod
    async def open(cls, url: str, *, clock: Callable[[], float] = time.time) -> Store:
        """Migrate and take over. `url`: `sqlite:///file` or `postgresql+psycopg://…`.

        Raises BadDatabaseUrl, UnknownRevision, AlreadyRunning, StoreUnavailable.
        """
        await asyncio.to_thread(migrate, url)
        return cls(await Database.open(url, clock=clock))

    @property
    def incarnation(self) -> int:
        return self._database.incarnation

    @property
    def depth(self) -> int:
        """Writes that wait for the writer."""
        return self._database.depth

    @property
    def trouble(self) -> str:
        """Why the last write failed; "": it did not."""
        return self._database.trouble

    def keepsakes(self, transport: str) -> Keepsakes:
        """What one transport remembers, its own alone."""
        return Keepsakes(self._database, transport)

    async def books(self) -> Books:
        return await self._database.read("books", read_books)

    def recover(self, *, unkilled: Mapping[int, Mapping[str, object]], words: RecoveryWords) -> asyncio.Future[CutOff]:
        """Once at start, before anything is claimed: end what the last process left unfinished, and say so."""
        database = self._database
        return database.write(
            "recover",
            lambda connection: Recovery(connection, unkilled, words, database.clock(), database.ids).perform(),
        )

    async def close(self) -> None:
        await self._database.close()
