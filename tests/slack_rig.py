"""The Slack transport, whole, on a fake Slack in the test's own event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from tests.slack_fake import ANN, TEAM, FakeSlack
from tests.transport_fake import FakeKeepsakes, FakeReceiver
from transports.base import Outbound, Receiver
from transports.slack.client import SdkWorkspace
from transports.slack.listening import bolt_app
from transports.slack.model import Account, Policy
from transports.slack.socket import SocketMode
from transports.slack.transport import SlackTransport

PING = 0.5  # seconds


class World:
    """One bot's account; several starts of it (`start`) may follow one another."""

    def __init__(
        self,
        slack: FakeSlack,
        files: Path,
        *,
        max_file: int = 1_000_000,
        make: Callable[..., SlackTransport] = SlackTransport,
    ) -> None:
        self.slack = slack
        self._make = make
        self.keepsakes = FakeKeepsakes()
        self._files = files
        self._policy = Policy(max_file)
        self.receiver = FakeReceiver()
        self.receiver.admitted = {ANN}
        self.renew()

    def renew(self) -> None:
        """A process of its own: nothing is remembered but keepsakes and files."""
        account = Account(self.slack.token, self.slack.app_token, self.slack.signing_secret, self.slack.api)
        self.workspace = SdkWorkspace(account)
        self.transport = self._make(self.workspace, self.keepsakes, self._files, self._policy)
        app = bolt_app(lambda: self.workspace.me, self.transport.take, api=account.api)
        self.socket = SocketMode(app, account.app_token, account.api, ping=PING)
        self.transport.connect(self.socket)

    @asynccontextmanager
    async def running(self, receiver: Receiver | None = None) -> AsyncIterator[asyncio.Task[None]]:
        """The transport at work; closed at the end."""
        task = asyncio.create_task(self.transport.run(receiver or self.receiver), name="Slack under test")
        try:
            await self.slack.wait(lambda: self.socket.is_up or task.done())
            yield task
        finally:
            task.cancel()
            await asyncio.wait({task})
            await self.transport.close()

    def place(self, channel: str, thread: str = "") -> str:
        return f"slack/{TEAM}/{channel}" + (f"/{thread}" if thread else "")

    async def show(self, target: str, text: str, **fields: object) -> str:
        """Its ts."""
        return (await self.transport.send(Outbound(target, text, **fields))).id  # type: ignore[arg-type]

    @property
    def texts(self) -> list[str]:
        """Committed, in order."""
        return self.receiver.texts
