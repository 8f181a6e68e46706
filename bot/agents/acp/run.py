"""One turn with an ACP agent. The SDK matches requests and answers; order, limits and endings are ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from importlib.metadata import version

import acp
from acp import schema
from acp.client.connection import ClientSideConnection
from pydantic import ValidationError

from bot.agents.acp.mailbox import Mailbox
from bot.agents.acp.permissions import Permissions
from bot.agents.acp.talk import Talk
from bot.agents.acp.updates import Updates, tokens, tool_input
from bot.agents.base import AgentEvent, AgentNotice, Finished, Probe, Process, Started, Turn
from bot.agents.ending import exit_words, with_tail
from bot.agents.output import GRACE
from bot.agents.probing import Silent
from bot.agents.text import one_line

AUTH_REQUIRED = -32000  # ACP's error code for "log in first"


@dataclass(frozen=True, slots=True)
class _Session:
    id: str
    options: tuple[schema.SessionConfigOptionSelect | schema.SessionConfigOptionBoolean, ...] = ()
    resumed: bool = False
    fresh_because: str | None = None
    version: str | None = None


class AcpRun:
    def __init__(self, agent: str, talk: Talk, turn: Turn, model: str | None, handshake: float) -> None:
        """`model`: to be set through the protocol; `handshake`: seconds until a session must be open."""
        self._agent = agent
        self._talk = talk
        self._turn = turn
        self._model = model
        self._handshake = handshake
        self._mailbox = Mailbox()
        self._updates = Updates(turn.spent if talk.session is None else talk.cost)
        self._permissions = Permissions(self._mailbox.put)
        self._session: str | None = None  # the open one, once there was something to ask
        self._replaying = talk.session is None and turn.native_session is not None
        self._begun = False
        self._interrupted = False
        self._finished: Finished | None = None

    @property
    def process(self) -> Process:
        return self._talk.process

    async def events(self) -> AsyncIterator[AgentEvent]:
        """Can be iterated once. Closing it early ends the conversation and its tasks, not the process."""
        if self._begun:
            raise RuntimeError("the events of a turn can be followed once")
        self._begun = True
        play = asyncio.create_task(self._play(), name=f"acp-turn-{self._turn.run}")
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
        if self._session is None:
            return True  # nothing was asked yet; `_prompt` looks at the flag
        try:
            await self._talk.connection.cancel(session_id=self._session)
        except ConnectionError:
            return False  # it is gone already, which is what was wanted
        return True

    async def steer(self, text: str) -> bool:
        return False

    async def answer(self, permission: str, option: str, why: str = "") -> bool:
        """ACP has no place for `why`."""
        return self._permissions.answer(permission, option)

    async def again(self, turn: Turn) -> AcpRun | None:
        if not self._may_rest() or turn.native_session != self._talk.session:
            return None
        return AcpRun(self._agent, self._talk, turn, self._model, self._handshake)

    # ------------------------------------------------------------ what the talk calls

    def updated(self, params: object) -> None:
        if self._replaying:
            self._updates.replay(params)
            return
        for event in self._updates.translate(params):
            self._mailbox.put(event)

    async def permit(
        self, call: schema.ToolCallUpdate, options: list[schema.PermissionOption]
    ) -> schema.RequestPermissionResponse:
        known = self._updates.tool_call(call)
        return await self._permissions.ask(known.title, tool_input(call) or known.detail, options)

    async def room(self) -> None:
        await self._mailbox.room()

    # ------------------------------------------------------------ the turn

    async def _play(self) -> None:
        """Own everything of the turn; Finished is put when nothing of it is left but what may rest."""
        self._talk.listener = self
        finished: Finished | None = None
        try:
            finished = self._finished = await self._converse(self._talk.connection)
        finally:
            self._permissions.deny_all()
            if finished is None or not self._may_rest():
                await self._talk.close()
            self._talk.listener = None
            self._talk.cost = self._updates.cost
        for event in self._updates.flush():
            self._mailbox.put(event)
        self._mailbox.put(finished)

    def _may_rest(self) -> bool:
        good = self._finished is not None and not self._finished.is_error and not self._interrupted
        return good and self._talk.open and self._talk.process.returncode is None

    async def _converse(self, connection: ClientSideConnection) -> Finished:
        try:
            async with asyncio.timeout(self._handshake):
                session = await self._open(connection)
                model = await self._choose_model(connection, session)
            self._begin(session, model)
            return await self._prompt(connection, session)
        except TimeoutError:
            return self._failed(f"{self._agent} did not answer within {self._handshake:g} s.")
        except acp.RequestError as exc:
            return self._refused(exc)
        except ValidationError:
            return self._failed(f"{self._agent} sent an answer that is not ACP.")
        except ConnectionError:
            return await self._fallen()

    async def _open(self, connection: ClientSideConnection) -> _Session:
        if self._talk.session is not None:
            return _Session(self._talk.session, resumed=True)
        hello = await greet(connection)
        session = await self._enter(connection, hello)
        return replace(session, version=version_of(hello))

    async def _enter(self, connection: ClientSideConnection, hello: schema.InitializeResponse) -> _Session:
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
        self._session = self._talk.session = session.id
        self._mailbox.put(Started(session.id, model, session.resumed, session.fresh_because, session.version))

    async def _choose_model(self, connection: ClientSideConnection, session: _Session) -> str | None:
        """The model in use, after asking for ours; None where the agent does not tell."""
        offer = next((option for option in session.options if _is_model(option)), None)
        if self._talk.session is not None:
            return self._model  # it was chosen when the session was opened
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

    async def _prompt(self, connection: ClientSideConnection, session: _Session) -> Finished:
        if self._interrupted:
            return Finished("cancelled")
        brief = "" if session.resumed or not self._turn.brief else f"{self._turn.brief}\n\n"
        text = acp.text_block(brief + self._turn.prompt)
        reply = await connection.prompt(session_id=session.id, prompt=[text])
        for event in (*self._updates.flush(), *tokens(reply.usage)):
            self._mailbox.put(event)
        if reply.stop_reason == "refusal":
            return Finished("refusal", True, f"{self._agent} refused to go on with this conversation.")
        if reply.stop_reason.startswith("max_"):
            self._mailbox.put(AgentNotice(f"{self._agent} stopped at a limit of its own ({reply.stop_reason})."))
        return Finished(reply.stop_reason)

    # ------------------------------------------------------------ endings

    def _failed(self, sentence: str) -> Finished:
        if self._talk.wire.stray:
            sentence += f" It printed: {self._talk.wire.stray}"
        return Finished(
            "error", True, with_tail(sentence, self._talk.process.stderr_tail), self._talk.process.returncode
        )

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
        if self._talk.wire.fault:
            return self._failed(f"{self._agent} {self._talk.wire.fault}.")
        code = await self._exit_code()
        if self._interrupted:
            return Finished("cancelled", exit_code=code)
        if code is None:
            return self._failed(f"{self._agent} closed its output in the middle of the turn.")
        return self._failed(f"{self._agent} {exit_words(code)} in the middle of the turn.")

    async def _exit_code(self) -> int | None:
        # The end of stdout arrives a little before the exit does.
        try:
            async with asyncio.timeout(GRACE):
                return await self._talk.process.wait()
        except TimeoutError:
            return self._talk.process.returncode


async def greet(connection: ClientSideConnection) -> schema.InitializeResponse:
    return await connection.initialize(
        protocol_version=acp.PROTOCOL_VERSION,
        client_capabilities=schema.ClientCapabilities(),
        client_info=schema.Implementation(name="tugbot", version=version("tugbot")),
    )


async def hello(agent: str, process: Process) -> Probe:
    """Greet a program and let it go. Raises Silent, ConnectionError."""
    talk = Talk(process, GRACE)
    try:
        return Probe(True, version_of(await greet(talk.connection)) or "")
    except (acp.RequestError, ValidationError) as exc:
        raise Silent(f"{agent} did not greet: {one_line(str(exc), 300)}") from exc
    except ConnectionError as exc:
        if talk.wire.stray:
            raise Silent(f"{agent} printed: {talk.wire.stray}") from exc
        raise
    finally:
        await talk.close()


def version_of(hello: schema.InitializeResponse) -> str | None:
    return one_line(hello.agent_info.version, 40) if hello.agent_info else None


def _is_model(option: schema.SessionConfigOptionSelect | schema.SessionConfigOptionBoolean) -> bool:
    return isinstance(option, schema.SessionConfigOptionSelect) and option.category == "model"


def _request_words(error: acp.RequestError) -> str:
    """Message and details of an agent's error, on one line."""
    details = error.data.get("details") or error.data.get("message") if isinstance(error.data, dict) else error.data
    words = [str(error), *([str(details)] if details else [])]
    return one_line(": ".join(words), 500)
