"""The Claude Code backend: its command line and environment. The conversation itself is in `run`."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from bot.agents.base import Launcher, PrivateFile, Probe, Process, ProgramMissing, Spawn, Turn
from bot.agents.claude.greeting import hello, version_of
from bot.agents.claude.run import ClaudeRun
from bot.agents.probing import greeted
from bot.agents.program import HERE, Programs

# `--permission-prompt-tool stdio` is what Anthropic's own SDK uses; --help does not show it.
PROTOCOL = (
    *("-p", "--input-format", "stream-json", "--output-format", "stream-json", "--verbose"),
    *("--include-partial-messages", "--replay-user-messages", "--permission-prompt-tool", "stdio"),
)
# Tools that outlive their turn, or that ask through a form no chat can show: the agent asks in plain words instead.
UNUSABLE = ("AskUserQuestion", "CronCreate", "CronDelete", "CronList", "ScheduleWakeup")
# In the sandbox the program lies on a read-only system: an update of itself could only fail.
DEFAULTS = {"DISABLE_AUTOUPDATER": "1"}


@dataclass(frozen=True, slots=True)
class ClaudeAgent:
    name: str
    command: tuple[str, ...]  # the program and fixed arguments
    env: Mapping[str, str] = field(default_factory=dict, repr=False)  # complete; may hold secrets, hence no repr
    writable: tuple[Path, ...] = ()
    readable: tuple[Path, ...] = ()
    private: tuple[PrivateFile, ...] = ()
    model: str | None = None
    tools: tuple[str, ...] = ()  # the only ones it may use; empty: all
    programs: Programs = HERE
    handshake: float = 60.0  # seconds until its first line; it needs about one
    keeps_conversation: bool = True
    can_steer: bool = True

    async def start(self, turn: Turn, launcher: Launcher) -> ClaudeRun:
        session = turn.native_session or str(uuid.uuid4())
        process = await self._spawn(turn, launcher, session)
        return ClaudeRun(
            self.name,
            process,
            turn,
            session,
            self.handshake,
            lambda turn, session: self._spawn(turn, launcher, session),
        )

    async def probe(self, launcher: Launcher, cwd: Path) -> Probe:
        try:
            spawn = self._spawn_of(Turn(0, "", cwd), str(uuid.uuid4()))
            version = replace(spawn, argv=(*spawn.argv[: len(self.command)], "--version"))
        except ProgramMissing as exc:
            return Probe(False, detail=str(exc))
        told = await greeted(self.name, launcher, version, version_of, self.handshake)
        if not told.answers:
            return told
        spoken = await greeted(self.name, launcher, spawn, hello, self.handshake)
        return replace(spoken, version=told.version)

    async def _spawn(self, turn: Turn, launcher: Launcher, session: str) -> Process:
        return await launcher.spawn(self._spawn_of(turn, session))

    def _spawn_of(self, turn: Turn, session: str) -> Spawn:
        """Resumes turn.native_session, or begins a conversation that is to be called `session`."""
        env = {**DEFAULTS, **self.env, **turn.environ}
        argv = (
            self.programs.find(self.name, self.command[0], env, turn.cwd),
            *self.command[1:],
            *PROTOCOL,
            *(("--model", self.model) if self.model else ()),
            *(("--tools", ",".join(self.tools)) if self.tools else ()),
            *("--disallowedTools", ",".join(UNUSABLE)),
            # An id that exists already is refused with a line on stderr and no JSON at all, so each has its option.
            f"--resume={session}" if turn.native_session else f"--session-id={session}",
        )
        readable = (*self.readable, *self.programs.visible(argv[: len(self.command)], env))
        return Spawn(argv, env, turn.cwd, self.writable, readable, self.private, contained=turn.contained)
