"""git, always in a throwaway container: a repository's own configuration executes commands on whoever runs it there."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.agents.base import Process
from bot.projects import hardening
from bot.projects.contained import launch
from bot.projects.engine import Engine
from bot.projects.hardening import Mount
from bot.projects.model import HOME, WORKSPACE, Project

CHUNK = 64 * 1024
MOST = 4_000_000  # bytes of output that are kept

# Everything that a repository or a server could make git execute or ask, switched off for commands of ours.
SAFE = (
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "credential.helper="),
    *("-c", "protocol.ext.allow=never"),
    *("-c", "submodule.recurse=false"),
    *("-c", "gc.auto=0"),
)


@dataclass(frozen=True, slots=True)
class Said:
    """What a program in a throwaway container left."""

    code: int
    output: bytes
    errors: str  # the end of it
    cut: bool = False  # there was more output than is kept

    @property
    def text(self) -> str:
        return self.output.decode(errors="replace")


class TimedOut(Exception):
    """A command in a throwaway container took longer than it may."""


class GitRunner:
    def __init__(self, engine: Engine, install: str, protocols: tuple[str, ...], proxy: Mapping[str, str]) -> None:
        """`protocols`: what git may speak. `proxy`: variables for what reaches out."""
        self._engine = engine
        self._install = install
        self._env = {
            "GIT_ALLOW_PROTOCOL": ":".join(protocols),
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_OPTIONAL_LOCKS": "0",
            "LC_ALL": "C.UTF-8",
        }
        self._proxy = dict(proxy)

    async def run(
        self,
        project: Project,
        image: str,
        script: str,
        *words: str,
        seconds: float,
        git: Path | None = None,
        outside: bool = False,
        writes: bool = False,
        env: Mapping[str, str] | None = None,
        extra: tuple[Mount, ...] = (),
    ) -> Said:
        """A shell script of ours, `words` as its positional parameters, in /workspace as the project's user.

        `git`: the directory with the project's login for its repository. `outside`: with a network. `writes`: the
        source may change. The container is gone when this returns or raises.

        Raises TimedOut, EngineUnreachable, EngineRefused.
        """
        mounts = [Mount(str(project.source), WORKSPACE, read_only=not writes), *extra]
        if writes:
            mounts.append(Mount(hardening.home_volume(self._install, project.id), HOME, volume=True))
        if git is not None:
            mounts.append(Mount(str(git), hardening.GIT, read_only=True))
        container = hardening.git_container(
            self._install,
            project.id,
            secrets.token_hex(4),
            image,
            project.owner,
            tuple(mounts),
            hardening.network_name(self._install) if outside else "none",
            {**self._env, **(self._proxy if outside else {})},
        )
        process = await launch(
            self._engine,
            container,
            ("sh", "-euc", script, "tugbot", *words),
            {"HOME": HOME, **(env or {})},
            cwd=WORKSPACE,
            limit=CHUNK,
        )
        try:
            async with asyncio.timeout(seconds):
                return await _read(process)
        except TimeoutError:
            raise TimedOut from None
        finally:
            await asyncio.shield(asyncio.ensure_future(process.kill()))


async def _read(process: Process) -> Said:
    process.stdin.close()
    kept, cut = bytearray(), False
    while piece := await process.stdout.read(CHUNK):
        room = MOST - len(kept)
        kept += piece[:room]
        cut = cut or len(piece) > room
    code = await process.wait()
    return Said(code, bytes(kept), process.stderr_tail, cut)
