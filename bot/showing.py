"""Puts together what keeps and tells what chats are shown of us. There is one where there is a gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from bot.happenings import Tell
from bot.happenings.heard import Heard
from bot.happenings.shown import Shown
from bot.store.store import Store
from bot.transcript.book import Book
from bot.transcript.model import Said
from bot.transcript.recorder import Recorded, Recorder
from bot.transcript.stage import Stage
from bot.transcript.whereabouts import Listening, Noting, Whereabouts
from dispatcher.model import StoreUnavailable
from transports.base import Transport
from transports.web import WebTransport

R = TypeVar("R")


class Showing:
    def __init__(self, store: Store, heard: Heard, tell: Tell, files: Path, group: asyncio.TaskGroup) -> None:
        """`files`: of the page."""
        self._store = store
        self._heard = heard
        self._whereabouts = Whereabouts(self._of_run, self._knows)
        book = Book(store.transcript, Shown(tell, self._project))
        self._recorder = Recorder(book, self._whereabouts, group)
        self.sent = files / "out"  # <id of the message>/<name>
        self.web = WebTransport(Stage(book), self.sent)

    def recorded(self, transports: Mapping[str, Transport]) -> Mapping[str, Transport]:
        """As whoever says something shall have them."""
        return {
            name: transport if transport is self.web else Recorded(transport, self._recorder)
            for name, transport in transports.items()
        }

    def noting(self, listening: Listening[R]) -> Noting[R]:
        return Noting(listening, self._whereabouts)

    async def close(self, patience: float) -> None:
        await self._recorder.close(patience)

    async def _of_run(self, run: int) -> tuple[str, str | None] | None:
        record = await self._store.runs.get(run)
        return None if record is None else (record.session, record.project)

    async def _knows(self, session: str) -> bool:
        return await self._store.history.session(session) is not None

    async def _project(self, said: Said) -> str | None:
        """Of its run where it has one, else of its session's newest message."""
        try:
            if said.run is not None:
                place = await self._whereabouts.of_run(said.run)
                return None if place is None else place[1]
            if self._heard.knows(said.session):
                return self._heard.project(said.session)
            newest = await self._store.history.messages(said.session, limit=1)
            return newest[0].project if newest else None
        except StoreUnavailable:  # then it is told to those alone who may hear everything
            return None
