"""Everything about projects that lives while the bot does, put together for the composition root."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.agents.base import Launcher
from bot.commands.model import Asker, Names
from bot.errors import UserError
from bot.projectdesk import ProjectDesk
from bot.projects import hardening, inspection
from bot.projects.engine import Engine
from bot.projects.errors import NotReady
from bot.projects.gitrun import GitRunner
from bot.projects.images import Images, ImageSettings, Tool
from bot.projects.inspection import Tree
from bot.projects.install import install_id
from bot.projects.launcher import ContainerKiller, RunLauncher
from bot.projects.model import WORKSPACE, Project, Registry, Stack
from bot.projects.provisioner import Provisioner
from bot.projects.settings import ProjectSettings
from bot.projects.sshconfig import Access
from bot.projects.truth import Truth
from bot.projects.upkeep import Upkeep
from bot.projects.workshop import Workshop
from bot.runs.chores import Chores
from bot.runs.leases import Leases
from bot.runs.live import LiveRuns
from bot.runs.workplaces import Workplace
from bot.secrets import Secrets, project_scope
from bot.store.store import Store
from bot.workspace import Workspace
from dispatcher.model import Batch, Notice


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What projects share with the rest of the bot."""

    data: Path
    store: Store
    registry: Registry
    secrets: Secrets
    live: LiveRuns
    leases: Leases
    host: Launcher
    scratch: Callable[[str], Path]
    announced: Callable[[], None]
    made: Callable[[str, Asker], None]  # a new project is ready, and who asked for it


class ProjectSide:
    def __init__(
        self, settings: ProjectSettings, images: ImageSettings, around: Surroundings, agents: tuple[str, ...]
    ) -> None:
        self._around = around
        self.engine = Engine()
        install = install_id(around.data)
        protocols = tuple(settings.protocols)
        self.shop = Workshop(
            engine=self.engine,
            images=Images(self.engine, images, hardening.labels(install, "git")),  # of a role that is throwaway
            git=GitRunner(self.engine, install, protocols, settings.proxy),
            registry=around.registry,
            data=around.data,
            install=install,
            settings=settings,
            secrets_of=lambda name: around.secrets.read(project_scope(name)),
            forget_secrets=lambda name: around.secrets.forget(project_scope(name)),
        )
        self._provisioner = Provisioner(self.shop)
        self._care = Upkeep(self.shop, self._provisioner)
        self.truth = Truth(
            self.shop,
            self._provisioner,
            self._care,
            self._tell,
            self._is_live,
            self._is_used,
            lambda name: self._chores is None or self._chores.claim(name),
            lambda name: None if self._chores is None else self._chores.disclaim(name),
        )
        self.names = Names(agents=agents)
        self._ssh_user_config = Path.home() / ".ssh" / "config"
        self._chores: Chores | None = None

    def killer(self) -> Launcher:
        """What ends the containers of an earlier start."""
        return ContainerKiller(self.engine)

    def desk(self, chores: Chores) -> ProjectDesk:
        self._chores = chores
        return ProjectDesk(
            self.shop,
            self._provisioner,
            self._care,
            self.truth,
            chores,
            self._around.store,
            self._around.secrets,
            busy=self._busy,
            rest=lambda name: self._around.leases.take(f"project/{name}", None),
            changed=self.refresh,
            names=lambda: self.names,
            made=self._around.made,
            ssh_user_config=self._ssh_user_config,
        )

    def expect(self, name: str) -> None:
        """A command that makes a project was accepted: its name is one from now on, until it turns out otherwise."""
        self.names = Names(self.names.agents, {**self.names.projects, name: self.names.projects.get(name, "")})

    async def refresh(self) -> None:
        """Read the names there are, and those that are being made."""
        projects = {project.name: project.agent for project in await self.shop.registry.all()}
        making = {chore.job.project: "" for chore in self._chores.live.values()} if self._chores else {}
        self.names = Names(self.names.agents, {**making, **projects})
        self.truth.poke()

    async def of(self, batch: Batch) -> Workplace:
        """bot.runs.workplaces.Workplaces"""
        if batch.binding.project is None:
            return Workplace(self._around.host, self._around.scratch(batch.session), "host")
        project = await self.shop.ready(batch.binding.project)
        await self.shop.changed(project, used_at=self.shop.now())
        launcher = RunLauncher(self.shop, project, batch.run)
        return Workplace(launcher, Path(WORKSPACE), "container", await self._files(project))

    async def workspace(self, session: str) -> Workspace:
        """Where the files of a conversation lie. Raises UserError where its project is not there or not ready."""
        settings = await self._around.store.sessions.settings(session)
        if settings.project is None:
            scratch = self._around.scratch(session)
            return Workspace(scratch, scratch)
        return await self._files(await self.shop.ready(settings.project))

    async def _files(self, project: Project) -> Workspace:
        """Raises NotReady where the source is not what was made for the project."""
        await self.shop.check_source(project)
        return Workspace(project.source, Path(WORKSPACE), (project.owner.uid, project.owner.gid))

    async def containers(self, projects: Sequence[Project]) -> Mapping[str, str]:
        """What the container of each does, by the project's name. Raises UserError."""
        return {each.project.name: each.container for each in await self.truth.conditions(projects)}

    async def tree(self, name: str) -> Tree:
        """Of a project's source; git runs in a container. Raises UserError."""
        return await inspection.tree(self.shop, await self.shop.ready(name))

    async def logs(self, name: str, lines: int) -> Sequence[str]:
        """The latest of a project's container. Raises UserError."""
        project = await self.shop.ready(name)
        said = await inspection.said(self.shop, project, lines)
        if said is None:
            raise NotReady(name=name, reason=f"it has no container; `project start {name}` makes one")
        return said.splitlines()

    async def access(self, name: str) -> Access:
        """How to reach a project with ssh and editors. Raises UserError."""
        return inspection.access(self.shop, await self.shop.ready(name), self._ssh_user_config)

    async def stacks(self) -> Sequence[tuple[Stack, Sequence[Tool] | None]]:
        """With what is in each; None: no image has it yet, or none could be asked. Raises StackBroken."""
        known = await asyncio.to_thread(self.shop.images.stacks)
        try:
            built = await self.shop.images.built()
        except UserError:
            built = {}
        return [(stack, built.get(name)) for name, stack in known.items()]

    def trouble(self) -> tuple[str, ...]:
        """What is wrong with the engine or on it, a line each."""
        foreign = (
            f"The engine has a container of ours that no project has: `{name}` (`docker rm -f {name}` removes it)."
            for name in self.truth.foreign
        )
        return (*((self.truth.trouble,) if self.truth.trouble else ()), *foreign)

    async def close(self) -> None:
        await self.engine.close()

    # ------------------------------------------------------------ who is at it

    def _busy(self, name: str) -> str:
        for run, live in self._around.live.running.items():
            if live.batch.binding.project == name:
                return f"run {run}"
        for run, chore in self._chores.live.items() if self._chores else ():
            if chore.job.project == name:
                return f"run {run} ({chore.job.title})"
        return ""

    def _is_used(self, name: str) -> bool:
        return bool(self._busy(name)) or self._around.leases.holds(f"project/{name}")

    def _is_live(self, run: int) -> bool:
        return run in self._around.live.running or bool(self._chores and run in self._chores.live)

    async def _tell(self, project: Project, text: str) -> None:
        await self._around.store.outbox.add([Notice(project.target, text)])
        self._around.announced()
