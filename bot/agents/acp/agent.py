"""The ACP backend: which program, with what environment, seeing what. The protocol itself is in `run`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bot.agents.base import Identity, Launcher, PrivateFile, Probe, ProgramMissing, Spawn, Turn
from bot.agents.output import GRACE
from bot.agents.probing import greeted
from bot.agents.program import HERE, Programs, filled

if TYPE_CHECKING:
    from bot.agents.acp.run import AcpRun


@dataclass(frozen=True, slots=True)
class AcpAgent:
    name: str
    command: tuple[str, ...]  # `{model}` in it is replaced by the model
    env: Mapping[str, str] = field(default_factory=dict, repr=False)  # complete; may hold secrets, hence no repr
    writable: tuple[Path, ...] = ()
    readable: tuple[Path, ...] = ()
    private: tuple[PrivateFile, ...] = ()
    model: str | None = None
    tools: tuple[str, ...] = ()  # fills `{tools}`, joined by commas
    programs: Programs = HERE
    handshake: float = 60.0  # seconds for initialize and opening the session: node programs need up to 10
    keeps_conversation: bool = True
    can_steer: bool = False

    async def start(self, turn: Turn, launcher: Launcher) -> AcpRun:
        # The SDK takes most of a second to import; a console start waits for it.
        from bot.agents.acp.run import AcpRun
        from bot.agents.acp.talk import Talk

        process = await launcher.spawn(self._spawn({**self.env, **turn.environ}, turn.cwd, turn.contained))
        in_argv = any("{model}" in part for part in self.command)
        model = None if in_argv else self.model
        return AcpRun(self.name, Talk(process, GRACE), turn, model, self.handshake)

    async def probe(self, launcher: Launcher, cwd: Path) -> Probe:
        from bot.agents.acp.run import hello

        try:
            spawn = self._spawn(self.env, cwd, None)
        except ProgramMissing as exc:
            return Probe(False, detail=str(exc))
        return await greeted(self.name, launcher, spawn, lambda process: hello(self.name, process), self.handshake)

    def _spawn(
        self, env: Mapping[str, str], cwd: Path, contained: Callable[[Identity], Awaitable[None]] | None
    ) -> Spawn:
        program = self.programs.find(self.name, self.command[0], env, cwd)
        argv = (program, *filled(self.command[1:], self.model, self.tools))
        readable = (*self.readable, *self.programs.visible(argv, env))
        return Spawn(argv, env, cwd, self.writable, readable, self.private, contained=contained)
