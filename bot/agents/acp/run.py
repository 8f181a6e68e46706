"""One turn with an ACP agent. The SDK matches requests and answers; order, limits and endings are ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import cast

import acp
from acp import schema
from acp.client.connection import ClientSideConnection
from pydantic import ValidationError

from bot.agents.acp.mailbox import Mailbox
from bot.agents.acp.permissions import Permissions
from bot.agents.acp.updates import Updates, tokens, tool_input
from bot.agents.acp.wire import Wire
from bot.agents.base import AgentEvent, AgentNotice, Finished, Process, Started, Turn
from bot.agents.ending import exit_words, with_tail
from bot.agents.output import GRACE, Output
from bot.agents.text import one_line

AUTH_REQUIRED = -32000  # ACP's error code for "log in first"


@dataclass(frozen=True, slots=True)
class _Session:
    id: str
    options: tuple[schema.SessionConfigOptionSelect | schema.SessionConfigOptionBoolean, ...]
    resumed: bool = False
    fresh_because: str | None = None


class AcpRun:
    def __init__(
        self, agent: str, process: Process, turn: Turn, model: str | None, handshake: float, grace: float = GRACE
    ) -> None:
        self._agent = agent
        self._process = process
        self._turn = turn
        self._model = model  # to be set through the protocol
        self._handshake = handshake
        self._grace = grace
        self._mailbox = Mailbox()
        self._updates = Updates()
        self._permissions = Permissions(self._mailbox.put)
        self._output = Output(process, grace)
        self._wire = Wire(process, self._output, self._mailbox, self._updated)
        self._connection: ClientSideConnection | None = None
        self._session: str | None = None
        self._replaying = turn.native_session is not None
        self._interrupted = False

    @property
    def process(self) -> Process:
        return self._process

    async def events(self) -> AsyncIterator[AgentEvent]:
        """Can be iterated once. Closing it early ends the conversation and its tasks, not the process."""
        if self._connection is not None:
            raise RuntimeError("the events of a turn can be followed once")
        self._connection = acp.connect_to_agent(cast("acp.Client", self), self._wire)
        play = asyncio.create_task(self._play(self._connection), name=f"acp-turn-{self._turn.run}")
        play.add_done_callback(lambda _: self._mailbox.close())
        try:
            while (event := await self._mailbox.get()) is not None:
                yield event
            await play  # an error of our own making must not look like an end
        finally:
            play.cancel()
            await asyncio.wait({play})

    async def interrupt(self) -> bool:
        self._interrupted = True
        self._permissions.deny_all()
        if self._connection is None or self._session is None:
            return True  # nothing was asked yet; `_prompt` looks at the flag
        try:
            await self._connection.cancel(session_id=self._session)
        except ConnectionError:
            return False  # it is gone already, which is what was wanted
        return True

    async def steer(self, text: str) -> bool:
        return False

    async def answer(self, permission: str, option: str, why: str = "") -> bool:
        """ACP has no place for `why`."""
        return self._permissions.answer(permission, option)

    async def again(self, turn: Turn) -> AcpRun | None:
        return None

    # ------------------------------------------------------------ what the SDK calls

    async def request_permission(
        self,
        session_id: str,
        tool_call: schema.ToolCallUpdate,
        options: list[schema.PermissionOption],
        **_: object,
    ) -> schema.RequestPermissionResponse:
        call = self._updates.tool_call(tool_call)
        return await self._permissions.ask(call.title, tool_input(tool_call) or call.detail, options)

    def _updated(self, params: object) -> None:
        if self._replaying:
            self._updates.replay(params)
            return
        for event in self._updates.translate(params):
            self._mailbox.put(event)

    # ------------------------------------------------------------ the turn

    async def _play(self, connection: ClientSideConnection) -> None:
        """Own everything of the turn; Finished is put when nothing of it is left."""
        try:
            async with asyncio.TaskGroup() as group:
                watch = group.create_task(self._output.watch(), name=f"acp-exit-{self._turn.run}")
                finished = await self._converse(connection)
                watch.cancel()
        finally:
            await connection.close()
        for event in self._updates.flush():
            self._mailbox.put(event)
        self._mailbox.put(finished)

    async def _converse(self, connection: ClientSideConnection) -> Finished:
        try:
            async with asyncio.timeout(self._handshake):
                session = await self._open(connection)
                model = await self._choose_model(connection, session)
            self._begin(session, model)
            return await self._prompt(connection, session.id)
        except TimeoutError:
            return self._failed(f"{self._agent} did not answer within {self._handshake:g} s.")
        except acp.RequestError as exc:
            return self._refused(exc)
        except ValidationError:
            return self._failed(f"{self._agent} sent an answer that is not ACP.")
        except ConnectionError:
            return await self._fallen()

    async def _open(self, connection: ClientSideConnection) -> _Session:
        hello = await connection.initialize(
            protocol_version=acp.PROTOCOL_VERSION,
            client_capabilities=schema.ClientCapabilities(),
            client_info=schema.Implementation(name="tugbot", version=version("tugbot")),
        )
        if self._turn.native_session is None:
            return await self._fresh(connection)
        if not (hello.agent_capabilities and hello.agent_capabilities.load_session):
            return await self._fresh(connection, "this agent cannot resume conversations")
        try:
            return await self._load(connection, self._turn.native_session)
        except acp.RequestError as exc:
            return await self._fresh(connection, _request_words(exc))

    async def _load(self, connection: ClientSideConnection, session: str) -> _Session:
        reply = await connection.load_session(cwd=str(self._turn.cwd), session_id=session, mcp_servers=[])
        return _Session(session, tuple(reply.config_options or ()), resumed=True)

    async def _fresh(self, connection: ClientSideConnection, because: str | None = None) -> _Session:
        reply = await connection.new_session(cwd=str(self._turn.cwd), mcp_servers=[])
        return _Session(reply.session_id, tuple(reply.config_options or ()), fresh_because=because)

    def _begin(self, session: _Session, model: str | None) -> None:
        # Only now: everything before was the replay of a history that the chat has seen.
        self._replaying = False
        self._updates.begin(fresh=not session.resumed)
        self._session = session.id
        self._mailbox.put(Started(session.id, model, session.resumed, session.fresh_because))

    async def _choose_model(self, connection: ClientSideConnection, session: _Session) -> str | None:
        """The model in use, after asking for ours; None where the agent does not tell."""
        offer = next((option for option in session.options if _is_model(option)), None)
        if self._model is None:
            return one_line(str(offer.current_value)) if offer else None
        if offer is None:
            self._mailbox.put(AgentNotice(f"{self._agent} offers no choice of model; `model` was not used."))
            return None
        try:
            await connection.set_config_option(config_id=offer.id, session_id=session.id, value=self._model)
        except acp.RequestError as exc:
            words = f"{self._agent} did not take the model {self._model}: {_request_words(exc)}"
            self._mailbox.put(AgentNotice(words))
            return one_line(str(offer.current_value))
        return self._model

    async def _prompt(self, connection: ClientSideConnection, session: str) -> Finished:
        if self._interrupted:
            return Finished("cancelled")
        reply = await connection.prompt(session_id=session, prompt=[acp.text_block(self._turn.prompt)])
        for event in (*self._updates.flush(), *tokens(reply.usage)):
            self._mailbox.put(event)
        if reply.stop_reason == "refusal":
            return Finished("refusal", True, f"{self._agent} refused to go on with this conversation.")
        if reply.stop_reason.startswith("max_"):
            self._mailbox.put(AgentNotice(f"{self._agent} stopped at a limit of its own ({reply.stop_reason})."))
        return Finished(reply.stop_reason)

    # ------------------------------------------------------------ endings

    def _failed(self, sentence: str) -> Finished:
        if self._wire.stray:
            sentence += f" It printed: {self._wire.stray}"
        return Finished("error", True, with_tail(sentence, self._process.stderr_tail), self._process.returncode)

    def _refused(self, error: acp.RequestError) -> Finished:
        words = _request_words(error)
        if self._interrupted:
            return Finished("cancelled", text=words)
        if error.code == AUTH_REQUIRED:
            return self._failed(
                f"{self._agent} is not logged in: {words}. Log it in on this machine or name its key in `env`."
            )
        return Finished("error", True, f"{self._agent} ended with an error: {words}")

    async def _fallen(self) -> Finished:
        """The lines ended before the answer did: tell why."""
        if self._wire.fault:
            return self._failed(f"{self._agent} {self._wire.fault}.")
        code = await self._exit_code()
        if self._interrupted:
            return Finished("cancelled", exit_code=code)
        if code is None:
            return self._failed(f"{self._agent} closed its output in the middle of the turn.")
        return self._failed(f"{self._agent} {exit_words(code)} in the middle of the turn.")

    async def _exit_code(self) -> int | None:
        # The end of stdout arrives a little before the exit does.
        try:
            async with asyncio.timeout(self._grace):
                return await self._process.wait()
        except TimeoutError:
            return self._process.returncode


def _is_model(option: schema.SessionConfigOptionSelect | schema.SessionConfigOptionBoolean) -> bool:
    return isinstance(option, schema.SessionConfigOptionSelect) and option.category == "model"


def _request_words(error: acp.RequestError) -> str:
    """Message and details of an agent's error, on one line."""
    details = error.data.get("details") or error.data.get("message") if isinstance(error.data, dict) else error.data
    words = [str(error), *([str(details)] if details else [])]
    return one_line(": ".join(words), 500)
