"""The connection to one ACP program. It outlives a turn, so that the next one need not start the program again."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol, cast

import acp
from acp import schema
from acp.client.connection import ClientSideConnection

from bot.agents.acp.wire import Wire
from bot.agents.base import Process
from bot.agents.output import Output

log = logging.getLogger(__name__)


class Listener(Protocol):
    """The turn under way, as the connection sees it."""

    def updated(self, params: object) -> None: ...

    async def permit(
        self, call: schema.ToolCallUpdate, options: list[schema.PermissionOption]
    ) -> schema.RequestPermissionResponse: ...

    async def room(self) -> None:
        """Wait until more can be taken: what slows a program down that talks faster than it is followed."""
        ...


class Talk:
    """Ends by itself when its process does, or by `close`; the process is not its to end."""

    def __init__(self, process: Process, grace: float) -> None:
        self.process = process
        self.listener: Listener | None = None  # None between turns
        self.session: str | None = None  # once there is one
        self.cost: float | None = None  # US dollars of the conversation so far, as the agent counts
        self.wire = Wire(process, output := Output(process, grace), self._room, self._updated)
        self._output = output
        self._connection: ClientSideConnection | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def connection(self) -> ClientSideConnection:
        """Made when it is first asked for: nothing is read before a turn is followed."""
        if self._connection is None:
            self._connection = acp.connect_to_agent(cast("acp.Client", self), self.wire)
            self._keeper = asyncio.create_task(self._keep(self._connection), name="acp-talk")
        return self._connection

    @property
    def begun(self) -> bool:
        return self._connection is not None

    @property
    def open(self) -> bool:
        return self._keeper is not None and not self._keeper.done() and not self.wire.fault

    async def close(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})

    async def _keep(self, connection: ClientSideConnection) -> None:
        try:
            await self._output.watch()
            await self.wire.ended.wait()  # what it wrote before its end is still to be read
        finally:
            await connection.close()

    # ------------------------------------------------------------ what the SDK and the wire call

    async def request_permission(
        self,
        session_id: str,
        tool_call: schema.ToolCallUpdate,
        options: list[schema.PermissionOption],
        **_: object,
    ) -> schema.RequestPermissionResponse:
        if self.listener is None:
            return schema.RequestPermissionResponse(outcome=schema.DeniedOutcome(outcome="cancelled"))
        return await self.listener.permit(tool_call, options)

    def _updated(self, params: object) -> None:
        if self.listener is None:
            log.debug("an update between two turns was dropped")
        else:
            self.listener.updated(params)

    async def _room(self) -> None:
        if self.listener is not None:
            await self.listener.room()
