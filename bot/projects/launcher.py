"""Agents in containers: bot.agents.base.Launcher for one project."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from pathlib import Path

from bot.agents.base import Identity, KillReport, LaunchFailed, Process, Spawn
from bot.agents.containment import procfs
from bot.errors import UserError
from bot.projects import egress, hardening
from bot.projects.contained import METHOD, end, launch
from bot.projects.engine import Engine
from bot.projects.errors import EngineUnreachable
from bot.projects.model import HOME, WORKSPACE, Project
from bot.projects.workshop import Workshop

log = logging.getLogger(__name__)


class RunLauncher:
    """Makes a container for each run of a project, beside the one that serves ssh, and on its network."""

    name = METHOD
    hides_home = True

    def __init__(self, shop: Workshop, project: Project, run: int) -> None:
        self._shop = shop
        self._project = project
        self._run = run

    async def spawn(self, spawn: Spawn) -> Process:
        """What the spawn says of paths on this machine means nothing inside; its files and logins go along."""
        shop, project = self._shop, self._project
        try:
            await shop.check_source(project)
            network, env, dns = await self._network()
            container = hardening.run_container(
                shop.install,
                project.id,
                self._run,
                secrets.token_hex(4),
                project.image,
                project.owner,
                project.resources,
                project.source,
                network,
                {**project.environ, **env},
                shop.pushing(project, agent=True),
                project.name,
                dns,
            )
            files = {str(path): content for path, content in spawn.files.items()}
            for login in spawn.private:
                if (content := _content(login.source)) is not None:
                    files[str(login.target)] = content
            return await launch(
                shop.engine,
                container,
                spawn.argv,
                {"HOME": HOME, **spawn.env},
                cwd=WORKSPACE,
                files=files,
                contained=spawn.contained,
                limit=spawn.stdout_limit,
            )
        except UserError as exc:
            raise LaunchFailed(agent=Path(spawn.argv[0]).name, reason=str(exc)) from exc

    async def kill_leftover(self, identity: Identity) -> KillReport:
        return await ContainerKiller(self._shop.engine).kill_leftover(identity)

    async def _network(self) -> tuple[str, Mapping[str, str], tuple[str, ...]]:
        """Network, variables that lead out of it, and name servers."""
        settings = self._shop.settings
        if settings.egress == "none":
            return "none", {}, ()
        if settings.egress == "allow-list":
            way = await egress.way(self._shop, self._project)
            return way.network, way.env, way.dns
        # The project's own: a server that the agent starts is reached through the editor's `ssh -L`.
        return f"container:{(await self._shop.running(self._project)).id}", settings.proxy, ()


class ContainerKiller:
    """What a start of the bot needs to end the containers of an earlier one."""

    name = METHOD
    hides_home = True

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def spawn(self, spawn: Spawn) -> Process:
        raise LaunchFailed(agent=spawn.argv[0], reason="a container needs a project")

    async def kill_leftover(self, identity: Identity) -> KillReport:
        """Found by name: its init's number may be another's by now."""
        try:
            if await self._engine.see(identity.container) is None:
                return KillReport(found=0, seconds=0.0, verified=True, method=METHOD)
        except EngineUnreachable as exc:
            alive = procfs.is_alive(identity) if identity.pid else False
            pids = (identity.pid,) if alive else ()
            return KillReport(len(pids), 0.0, verified=False, survivors=pids, method=METHOD, note=str(exc))
        report = await end(self._engine, identity.container, identity)
        if report.verified:
            await self._engine.remove(identity.container)
        return report


def _content(path: Path) -> bytes | None:
    """A login file of the bot's user; None: there is none."""
    try:
        return path.read_bytes()
    except OSError as exc:
        log.info("%s is not handed to the agent: %s", path.name, exc.strerror)
        return None
