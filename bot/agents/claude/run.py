"""One turn with Claude Code: reads line by line, as fast as it is followed; writes from whoever answers or steers."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace

from bot.agents.base import AgentEvent, AgentNotice, Finished, Process, Started, Turn
from bot.agents.claude import messages, words
from bot.agents.claude.asks import Asks, unknown
from bot.agents.claude.messages import Json, Pending
from bot.agents.claude.reading import Reading, refused_until
from bot.agents.output import GRACE, LineTooLong, Output
from bot.agents.text import one_line

STRAY_LINES = 20  # lines that are not JSON, tolerated: wrappers print greetings and warnings to stdout

_decode = json.JSONDecoder(strict=False).decode  # json.loads would make one for each line

Respawn = Callable[[Turn, str], Awaitable[Process]]


class ClaudeRun:
    def __init__(
        self,
        agent: str,
        process: Process,
        turn: Turn,
        session: str,
        handshake: float,
        respawn: Respawn | None,
        grace: float = GRACE,
    ) -> None:
        """`session`: the id of the conversation; `respawn` starts the program again where it cannot be resumed."""
        self._agent = agent
        self._process = process
        self._turn = turn
        self._session = session
        self._handshake = handshake
        self._respawn = respawn
        self._grace = grace
        self._pending = Pending()
        self._asks = Asks()
        self._reading = Reading(turn.spent if turn.native_session else 0.0)
        self._lost = False  # the conversation to resume is not there
        self._afresh = ""  # why a new one was begun
        self._started = False
        self._interrupted = False
        self._finished: Finished | None = None
        self._strays: list[str] = []

    @property
    def process(self) -> Process:
        return self._process

    async def events(self) -> AsyncIterator[AgentEvent]:
        """Can be iterated once. Closing it early leaves the process alone."""
        async for event in self._attempt():
            yield event
        if self._lost:
            await self._begin_afresh()
            async for event in self._attempt():
                yield event
        assert self._finished is not None
        yield self._finished

    async def interrupt(self) -> bool:
        self._interrupted = True
        for line in self._asks.deny_all():
            self._write(line)
        return self._write(messages.interrupt(1))

    async def steer(self, text: str) -> bool:
        if self._finished is not None or self._interrupted or not self._pending:
            return False
        key = self._pending.send()
        if not self._write(messages.user(text, key)):
            self._pending.unsend(key)
            return False
        return True

    async def answer(self, permission: str, option: str, why: str = "") -> bool:
        line = self._asks.answer(permission, option, why)
        return line is not None and self._write(line)

    async def again(self, turn: Turn) -> ClaudeRun | None:
        ended_well = self._finished is not None and not self._finished.is_error and not self._interrupted
        if not ended_well or self._process.returncode is not None or turn.native_session != self._session:
            return None
        return ClaudeRun(self._agent, self._process, turn, self._session, self._handshake, None, self._grace)

    # ------------------------------------------------------------ the turn

    async def _attempt(self) -> AsyncIterator[AgentEvent]:
        """Until the turn is finished, or it turns out that its conversation is lost."""
        output = Output(self._process, self._grace)
        watch = asyncio.create_task(output.watch(), name=f"claude-exit-{self._turn.run}")
        try:
            self._write(messages.user(self._prompt(), self._pending.send()))
            async for line in self._lines(output):
                for event in self._take(line):
                    yield event
                if self._finished is not None or self._lost:
                    return
        finally:
            watch.cancel()
            await asyncio.wait({watch})

    def _prompt(self) -> str:
        fresh = self._turn.native_session is None
        return f"{self._turn.brief}\n\n{self._turn.prompt}" if fresh and self._turn.brief else self._turn.prompt

    async def _lines(self, output: Output) -> AsyncIterator[Json]:
        """Every JSON line; ends after having set how the turn finished where no line will tell."""
        heard = False
        while self._finished is None:
            try:
                raw = await (output.line() if heard else asyncio.wait_for(output.line(), self._handshake))
            except TimeoutError:
                self._fail(f"{self._agent} did not answer within {self._handshake:g} s.")
                return
            except LineTooLong:
                self._fail(f"{self._agent} sent a line longer than the limit of 64 MB.")
                return
            if not raw:
                self._finished = await self._fallen()
                return
            if (line := self._parse(raw)) is not None:
                heard = True
                yield line

    def _parse(self, raw: bytes) -> Json | None:
        try:
            line = _decode(raw.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            line = None
        if isinstance(line, dict):
            return line
        if raw.strip():
            self._strays.append(one_line(raw[:2000].decode("utf-8", "replace")))
        if len(self._strays) > STRAY_LINES:
            self._fail(f"{self._agent} printed text where JSON was expected.")
        return None

    def _take(self, line: Json) -> Iterator[AgentEvent]:
        match line.get("type"):
            case "control_request":
                yield from self._requested(line)
            case "control_cancel_request":
                self._asks.withdraw(line.get("request_id"))
            case "system" if line.get("subtype") == "init":
                yield from self._opened(line)
            case "user" if line.get("isReplay"):
                self._pending.consumed(str(line.get("uuid")))
            case "result":
                yield from self._concluded(line)
            case "system" | "rate_limit_event":
                yield from self._reading.events(line)
            # Before any message of this turn was consumed, it speaks of an earlier one.
            case _ if self._pending.any_consumed:
                yield from self._reading.events(line)

    def _opened(self, line: Json) -> Iterator[AgentEvent]:
        """`init` comes at the start of every turn of the program; the first one is the start of ours."""
        if self._started:
            return
        self._started = True
        self._session = str(line.get("session_id") or self._session)
        resumed = self._turn.native_session is not None
        version = one_line(str(line.get("claude_code_version") or ""), 40) or None
        model = one_line(str(line.get("model") or ""), 80) or None
        yield Started(self._session, model, resumed, self._afresh or None, version)

    def _requested(self, line: Json) -> Iterator[AgentEvent]:
        key, body = str(line.get("request_id")), line.get("request")
        if not isinstance(body, dict) or body.get("subtype") != "can_use_tool":
            self._write(unknown(key, body.get("subtype") if isinstance(body, dict) else body))
            return
        asked = self._asks.ask(key, body)
        if isinstance(asked, dict):
            self._write(asked)
        else:
            yield asked

    def _concluded(self, line: Json) -> Iterator[AgentEvent]:
        if self._respawn is not None and self._turn.native_session and not self._started and words.is_lost(line):
            self._lost = True
            return
        if not self._pending.any_consumed and not line.get("is_error"):
            return  # of an earlier turn: nothing of this one was heard yet
        yield from self._reading.events(line)
        self._pending.answered()
        if (limited := refused_until(line)) is not None and line.get("is_error"):
            yield limited
        finished = words.finished(self._agent, line, self._interrupted)
        if self._pending and self._pending.any_consumed and not self._interrupted:
            # The messages that were sent meanwhile have a turn of their own, which follows by itself.
            if finished.is_error:
                yield AgentNotice(finished.text)
            return
        self._finished = finished

    # ------------------------------------------------------------ endings

    async def _begin_afresh(self) -> None:
        assert self._respawn is not None
        self._lost, self._afresh = False, "it is no longer there"
        await self._process.kill()  # before the next one: there is one process of a run at a time
        self._turn = replace(self._turn, native_session=None, spent=None)
        self._session = str(uuid.uuid4())
        self._pending, self._asks, self._reading = Pending(), Asks(), Reading(0.0)
        self._process = await self._respawn(self._turn, self._session)

    def _fail(self, sentence: str) -> None:
        self._finished = words.failed(sentence, self._strays, self._process)

    async def _fallen(self) -> Finished:
        """The lines ended before the turn did: tell why."""
        try:
            async with asyncio.timeout(self._grace):
                code: int | None = await self._process.wait()
        except TimeoutError:
            code = self._process.returncode
        if self._interrupted:
            return Finished("cancelled", exit_code=code)
        return words.fallen(self._agent, code, self._strays, self._process)

    def _write(self, line: Json) -> bool:
        """Never waits: all that is written is small against what its program reads at once, but for the prompt."""
        stdin = self._process.stdin
        if stdin.is_closing() or self._process.returncode is not None:
            return False
        stdin.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
        return True
