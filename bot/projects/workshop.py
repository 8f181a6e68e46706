"""What everyone who works on projects shares: tools, settings, and how a project's parts are called."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from bot.errors import UserError
from bot.projects import gitaccess, giturl, hardening, login, places, sshconfig
from bot.projects.contained import launch
from bot.projects.engine import Engine
from bot.projects.errors import NoSuchProject, NotReady
from bot.projects.gitrun import CHUNK, GitRunner
from bot.projects.images import Images
from bot.projects.keys import KeyDirectory
from bot.projects.model import HOME, WORKSPACE, Project, ProjectState, Registry
from bot.projects.observed import Seen
from bot.projects.settings import ProjectSettings
from bot.projects.thorough import in_thread

log = logging.getLogger(__name__)


class Progress(Protocol):
    """What people see of a piece of work while it is under way."""

    def begin(self, step: str) -> None: ...

    def line(self, text: str) -> None: ...  # the newest of many, about the step that is under way

    def done(self, text: str) -> None: ...  # the step, with what came of it

    def say(self, text: str) -> None: ...  # a remark that stays


@dataclass(frozen=True, slots=True)
class Workshop:
    engine: Engine
    images: Images
    git: GitRunner
    registry: Registry
    data: Path
    install: str
    settings: ProjectSettings
    secrets_of: Callable[[str], Mapping[str, str]]  # of a project, by its name; read each time
    forget_secrets: Callable[[str], None]  # of a project that is gone: another may get its name
    locks: dict[str, asyncio.Lock] = field(default_factory=dict)
    now: Callable[[], float] = time.time

    def keys(self, name: str) -> KeyDirectory:
        return KeyDirectory(self.data / "projects" / name)

    @property
    def ssh_config(self) -> Path:
        return self.data / "ssh" / "config"

    @asynccontextmanager
    async def alone(self, name: str) -> AsyncIterator[None]:
        """Nobody else starts, stops, rebuilds or deletes this project meanwhile."""
        async with self.locks.setdefault(name, asyncio.Lock()):
            yield

    async def project(self, name: str) -> Project:
        """Raises NoSuchProject."""
        found = await self.registry.get(name)
        if found is None:
            raise NoSuchProject(name=name)
        return found

    async def ready(self, name: str) -> Project:
        """Raises NoSuchProject, NotReady."""
        project = await self.project(name)
        if project.state is not ProjectState.READY:
            raise NotReady(name=name, reason=_WHY_NOT[project.state])
        return project

    async def changed(self, project: Project, **columns: object) -> Project:
        new = replace(project, **columns)  # type: ignore[arg-type]
        await self.registry.change(new, tuple(columns))
        return new

    # ------------------------------------------------------------ parts

    def container_name(self, project: Project) -> str:
        return f"tugbot-{self.install}-{project.name}"

    def labels(self, project: Project) -> dict[str, str]:
        """Of everything on the engine that belongs to the project."""
        return {hardening.LABEL: self.install, hardening.PROJECT: str(project.id)}

    def volume(self, project: Project) -> str:
        return hardening.home_volume(self.install, project.id)

    async def container(self, project: Project) -> Seen | None:
        return await self.engine.see(self.container_name(project))

    async def git_directory(self, project: Project) -> Path | None:
        """The login for the project's repository, up to date; None: it has none. Raises HostUnknown, KeyUnusable."""
        if not project.git_url:
            return None
        url = giturl.parse(project.git_url, (*self.settings.protocols, *giturl.ALWAYS))
        if url.scheme not in ("https", "ssh", "http"):
            return None
        return await in_thread(
            gitaccess.prepare,
            self.keys(project.name),
            url,
            project.owner,
            self.secrets_of(project.name),
            self.settings.known_hosts,
            project.name,
        )

    def pushing(self, project: Project, *, agent: bool) -> Path | None:
        """The login as a container gets it: people may push unless it is denied, agents only where it is allowed."""
        directory = self.keys(project.name).git
        allowed = ("allow",) if agent else ("ask", "allow")
        return directory if self.settings.push in allowed and directory.is_dir() else None

    async def network(self) -> str:
        name = hardening.network_name(self.install)
        await self.engine.ensure_network(name, {hardening.LABEL: self.install})
        return name

    async def check_source(self, project: Project) -> None:
        """Raises NotReady where the place of the source holds something else by now: it is not to be mounted."""
        if await in_thread(places.mark_of, project.source) != project.source_mark:
            reason = f"`{project.source}` is not the directory that was made for it any more"
            raise NotReady(name=project.name, reason=reason)

    async def make_container(self, project: Project) -> None:
        """Create and start what serves ssh."""
        await self.check_source(project)
        try:
            await self.git_directory(project)  # secrets may have changed
        except UserError as exc:
            log.warning("the login of %s for its repository stays as it was: %s", project.name, exc)
        await self.network()
        container = hardening.project_container(
            self.install,
            project.id,
            project.name,
            project.image,
            project.owner,
            project.resources,
            project.source,
            self.keys(project.name).container,
            project.port,
            {**self.settings.proxy, **project.environ},
            self.pushing(project, agent=False),
        )
        await self.engine.create(container)
        await self.engine.start(container.name)

    async def wait_for_ssh(self, project: Project) -> float:
        """Seconds until a pinned login worked. Raises SshSilent."""

        async def trouble() -> str:
            seen = await self.container(project)
            if seen is not None and seen.running:
                return ""
            said = await self.engine.logs(seen.id, 5) if seen is not None else ""
            return f"the container ended: {(seen.error if seen else '') or said.strip() or 'it said nothing'}"

        return await login.answers(project.port, self.keys(project.name), trouble)

    async def running(self, project: Project) -> Seen:
        """The project's container, started (or made again from its image) where it does not run."""
        async with self.alone(project.name):
            seen = await self.container(project)
            if seen is not None and seen.running:
                return seen
            if seen is None:
                await self.make_container(project)
            else:
                await self.engine.start(seen.id)
            found = await self.container(project)
        if found is None or not found.running:
            raise NotReady(name=project.name, reason="its container does not stay up; `logs` shows why")
        return found

    async def inside(self, project: Project, command: str, seconds: float) -> str:
        """Run a shell command of the project's in a container like a run's; what went wrong, "" if nothing did."""
        seen = await self.running(project)
        container = hardening.run_container(
            self.install,
            project.id,
            project.run or 0,
            secrets.token_hex(4),
            project.image,
            project.owner,
            project.resources,
            project.source,
            f"container:{seen.id}",
            {**self.settings.proxy, **project.environ},
        )
        process = await launch(self.engine, container, ("bash", "-lc", command), {"HOME": HOME}, cwd=WORKSPACE)
        try:
            async with asyncio.timeout(seconds):
                process.stdin.close()
                while await process.stdout.read(CHUNK):
                    pass
                code = await process.wait()
        except TimeoutError:
            return f"took longer than {seconds:.0f} s and was ended"
        finally:
            await asyncio.shield(asyncio.ensure_future(process.kill()))
        return f"ended with {code}: {process.stderr_tail.strip()[-300:]}" if code else ""

    async def write_ssh_config(self) -> None:
        """The `Host` blocks of all projects that are ready."""
        async with self.alone("ssh config"):  # a later reader of the registry must be the later writer as well
            projects = [project for project in await self.registry.all() if project.state is ProjectState.READY]
            blocks = [sshconfig.block(each.name, each.port, self.keys(each.name), each.forwards) for each in projects]
            await in_thread(sshconfig.write, self.ssh_config, blocks)


_WHY_NOT = {
    ProjectState.RESERVED: "it is being made",
    ProjectState.AWAITING: "its repository wants a login; `project <name>` tells how, then `retry`",
    ProjectState.DELETING: "it is being deleted",
}
