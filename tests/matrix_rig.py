"""A Matrix transport on the homeserver in memory, and what becomes of it through failures and restarts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.matrix_fake import ANN, ME, FakeHomeserver
from tests.transport_fake import FakeKeepsakes, FakeReceiver
from transports.base import Amendment, Disconnected, Inbound
from transports.matrix.model import Policy
from transports.matrix.transport import MatrixTransport


class Over(Disconnected):
    """There is nothing more to hand in."""


class World:
    """`known`: we were here before, so that what is said from now on is said to us."""

    def __init__(
        self,
        files: Path = Path("nowhere"),
        *,
        limit: int = 100,
        page: int = 1000,
        known: bool = True,
        make: type[MatrixTransport] = MatrixTransport,
    ) -> None:
        self.time = 1e9
        self.server = FakeHomeserver(limit=limit, page=page, now=lambda: self.time)
        self.keepsakes = FakeKeepsakes()
        self.receiver = FakeReceiver()
        self.receiver.admitted = {ANN}
        self._files = files
        self._make = make
        if known:
            self.keepsakes.values |= {"account": ME, "token": self.server.token}
        self.boot()

    def boot(self) -> None:
        """As after a crash: what is in memory is gone."""
        self.transport = self._make(
            self.server, self.keepsakes, self._files, Policy(max_file=100), now=lambda: self.time
        )

    async def settle(self) -> None:
        """Run until there is nothing more to hand in. Raises what `run` raises before."""
        self.server.over = Over("over")
        try:
            await self.transport.run(self.receiver)
        except Over:
            return
        finally:
            self.server.over = None

    async def room(self, *people: str, invited_by: str = "") -> str:
        """A room that these people and we are in, and whose beginning is behind us."""
        room = self.server.make(*(people or (ANN,)))
        self.receiver.admitted.add(invited_by or ANN)
        self.server.invite(room, invited_by or ANN)
        await self.settle()
        return room

    def inbound(self) -> list[Inbound]:
        """Committed, oldest first."""
        return [event for event in self.receiver.committed if isinstance(event, Inbound)]

    def amended(self) -> list[Amendment]:
        return [event for event in self.receiver.received if isinstance(event, Amendment)]

    def texts(self, room: str = "") -> Sequence[str]:
        return [event.text for event in self.inbound() if not room or event.session == f"matrix/{room}"]
