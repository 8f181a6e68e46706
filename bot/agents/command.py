"""Any program as an agent: the prompt on its stdin or in a file, its stdout is the answer."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from bot.agents.base import (
    AgentEvent,
    Finished,
    Launcher,
    LaunchFailed,
    PrivateFile,
    Probe,
    Process,
    Spawn,
    Started,
    TextDelta,
    Turn,
)
from bot.agents.ending import exited
from bot.agents.output import GRACE, Output, close_stdin
from bot.agents.probing import look_for
from bot.agents.program import HERE, Programs, filled
from bot.agents.text import Decoder

CHUNK = 64 * 1024  # bytes read at once; also the reader's limit, so little waits in memory behind a slow reader
PROMPT_FILE = "{prompt_file}"
INSIDE_PLACE = Path("/tmp")


@dataclass(frozen=True, slots=True)
class CommandAgent:
    name: str
    command: tuple[str, ...]  # `{prompt_file}` and `{model}` are replaced in each argument
    env: Mapping[str, str] = field(default_factory=dict, repr=False)  # complete; may hold secrets, hence no repr
    writable: tuple[Path, ...] = ()
    readable: tuple[Path, ...] = ()
    private: tuple[PrivateFile, ...] = ()
    model: str | None = None
    tools: tuple[str, ...] = ()  # fills `{tools}`, joined by commas
    programs: Programs = HERE
    keeps_conversation: bool = False
    can_steer: bool = False

    async def start(self, turn: Turn, launcher: Launcher) -> CommandRun:
        env = {**self.env, **turn.environ}
        program = self.programs.find(self.name, self.command[0], env, turn.cwd)
        file, given = self._prompt_file(turn)
        argv = (program, *_with_file(filled(self.command[1:], self.model, self.tools), file))
        here = None if given else file
        try:
            process = await launcher.spawn(replace(self._spawn(argv, env, turn), files=given))
        except BaseException:
            _remove(here)
            raise
        return CommandRun(self.name, process, turn, self.model, here, prompted=file is not None)

    async def probe(self, launcher: Launcher, cwd: Path) -> Probe:
        return Probe(True) if self.programs.inside else look_for(self.name, self.command[0], self.env, cwd)

    def _spawn(self, argv: tuple[str, ...], env: Mapping[str, str], turn: Turn) -> Spawn:
        # The configured command, not the argv: that names the prompt file, which must not be seen twice.
        readable = (*self.readable, *self.programs.visible((argv[0], *self.command[1:]), env))
        return Spawn(
            argv,
            env,
            turn.cwd,
            self.writable,
            readable,
            self.private,
            contained=turn.contained,
            stdout_limit=CHUNK,
        )

    def _prompt_file(self, turn: Turn) -> tuple[Path | None, Mapping[Path, bytes]]:
        """Where the prompt lies for a program that wants it in a file; the second part is what is still to be put."""
        if not any(PROMPT_FILE in part for part in self.command):
            return None, {}
        name = f".tugbot-prompt-{turn.run}-{secrets.token_hex(4)}.txt"
        if self.programs.inside:
            file = INSIDE_PLACE / name
            return file, {file: _encode(turn.prompt)}
        return self._write_prompt(turn, name), {}

    def _write_prompt(self, turn: Turn, name: str) -> Path:
        # In the working directory because that is visible in every containment; a random name because what lies
        # there is the agent's, and a link planted under a known name would be followed.
        file = turn.cwd / name
        try:
            with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
                stream.write(_encode(turn.prompt))
        except OSError as exc:
            _remove(file)
            reason = f"the prompt could not be written to its working directory ({exc.strerror})."
            raise LaunchFailed(agent=self.name, reason=reason) from exc
        return file


class CommandRun:
    def __init__(
        self,
        agent: str,
        process: Process,
        turn: Turn,
        model: str | None = None,
        file: Path | None = None,
        grace: float = GRACE,
        prompted: bool = False,
    ) -> None:
        """`file`: to be removed in the end. `prompted`: the program was given the prompt in a file."""
        self._agent = agent
        self._process = process
        self._turn = turn
        self._model = model
        self._file = file
        self._prompted = prompted
        self._output = Output(process, grace)
        self._interrupted = False

    @property
    def process(self) -> Process:
        return self._process

    async def events(self) -> AsyncIterator[AgentEvent]:
        """Can be iterated once. Reads only as fast as it is iterated; closing it early leaves the process alone."""
        run = self._turn.run
        exit_code = asyncio.create_task(self._output.watch(), name=f"command-exit-{run}")
        feeding = asyncio.create_task(self._feed(), name=f"command-stdin-{run}")
        try:
            yield Started(None, self._model)
            async for text in self._texts():
                yield TextDelta(text)
            yield self._ended(await exit_code)
        finally:
            exit_code.cancel()
            feeding.cancel()
            await asyncio.wait({exit_code, feeding})
            close_stdin(self._process)
            _remove(self._file)

    async def interrupt(self) -> bool:
        """A plain program knows no such request: only the kill that follows ends it."""
        self._interrupted = True
        return False

    async def steer(self, text: str) -> bool:
        return False

    async def answer(self, permission: str, option: str, why: str = "") -> bool:
        return False

    async def again(self, turn: Turn) -> CommandRun | None:
        return None

    async def _feed(self) -> None:
        stdin = self._process.stdin
        try:
            if not self._prompted:
                stdin.transport.set_write_buffer_limits(high=0)  # so that drain means written, and close has no rest
                stdin.write(_encode(self._turn.prompt))
                await stdin.drain()
            stdin.close()
        except ConnectionError:
            return  # a program need not read its prompt

    async def _texts(self) -> AsyncIterator[str]:
        decoder = Decoder()
        while data := await self._output.chunk(CHUNK):
            if text := decoder.feed(data):
                yield text
        if text := decoder.feed(b"", final=True):
            yield text

    def _ended(self, code: int) -> Finished:
        return exited(self._agent, code, self._process.stderr_tail, self._interrupted)


def _with_file(parts: tuple[str, ...], file: Path | None) -> tuple[str, ...]:
    return tuple(part.replace(PROMPT_FILE, str(file)) for part in parts)


def _encode(prompt: str) -> bytes:
    return prompt.encode("utf-8", "replace")


def _remove(file: Path | None) -> None:
    if file is not None:
        file.unlink(missing_ok=True)
