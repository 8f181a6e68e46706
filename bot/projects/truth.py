"""What the engine really has, compared with the registry: at start, now and then, and when the engine says something.

Nothing is deleted here without having been asked for, but what a crash left half made or half deleted, and runs whose
bot is gone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from bot.errors import UserError
from bot.projects import hardening, upkeep
from bot.projects.errors import EngineUnreachable
from bot.projects.model import Project, ProjectState
from bot.projects.observed import Seen
from bot.projects.provisioner import Provisioner
from bot.projects.upkeep import Upkeep
from bot.projects.workshop import Workshop
from dispatcher.model import Fenced

log = logging.getLogger(__name__)

EVERY = 30.0  # seconds
SETTLE = 0.5  # seconds for an event's siblings to come as well
WORTH_TELLING = frozenset({"gone", "stopped", "unhealthy", "out of memory"})


@dataclass(frozen=True, slots=True)
class Condition:
    """A project and what its container does."""

    project: Project
    container: str  # running | stopped | gone | unhealthy | out of memory | unknown


Tell = Callable[[Project, str], Awaitable[None]]  # a notice in the project's session


class Truth:
    def __init__(
        self,
        shop: Workshop,
        provisioner: Provisioner,
        care: Upkeep,
        tell: Tell,
        is_live: Callable[[int], bool],  # whether a run of this number is under way in this process
        is_used: Callable[[str], bool],  # whether somebody works in the project of this name
        claim: Callable[[str], bool] = lambda name: True,  # whether nobody else does something with it, until …
        disclaim: Callable[[str], None] = lambda name: None,  # … this
    ) -> None:
        self._shop = shop
        self._provisioner = provisioner
        self._care = care
        self._tell = tell
        self._is_live = is_live
        self._is_used = is_used
        self._claim = claim
        self._disclaim = disclaim
        self._recovered = False
        self._poked = asyncio.Event()
        self.trouble = ""  # why the engine cannot be asked; "": it can
        self.foreign: tuple[str, ...] = ()  # containers with our label that no project of ours has

    async def run(self) -> None:
        """Until cancelled. Never raises for the engine or the disk."""
        while True:
            try:
                self._poked.clear()
                projects = await self.look()
                async with asyncio.timeout(EVERY):
                    # Without a project nobody needs an engine, and one that is missing is no trouble.
                    await (self._something() if projects else self._poked.wait())
            except TimeoutError:
                continue
            except EngineUnreachable as exc:
                self.trouble = str(exc)
                await asyncio.sleep(EVERY / 6)
            except Fenced:
                raise
            except Exception as exc:
                # A full disk, an answer nobody foresaw: in the bot's task group it would end every session's work.
                log.warning("looking after the projects: %s", exc, exc_info=not isinstance(exc, UserError))
                await asyncio.sleep(EVERY)

    def poke(self) -> None:
        """There may be a first project now."""
        self._poked.set()

    async def look(self) -> int:
        """Compare once; how many projects there are. Raises EngineUnreachable."""
        projects = await self._shop.registry.all()
        if not projects:
            self._recovered, self.trouble = True, ""
            return 0
        if not self._recovered:
            await self.recover(projects)
        await self._finish(projects)
        projects = await self._shop.registry.all()
        found = await self._containers()
        known = {str(project.id) for project in projects}
        self.foreign = tuple(seen.name for number, seen in sorted(found.items()) if number not in known)
        for each in _conditions(projects, found):
            await self._compare(each)
        self.trouble = ""
        return len(projects)

    async def recover(self, projects: Sequence[Project]) -> None:
        """After a crash: finish what was being exchanged, end runs that nobody watches."""
        for project in projects:
            if project.state is ProjectState.READY:
                await self._try(self._care.finish_exchange(project))
        used = {str(project.id) for project in projects if self._is_used(project.name)}
        for role in ("run", "git"):
            ours = {hardening.LABEL: self._shop.install, hardening.ROLE: role}
            for seen in await self._shop.engine.containers(ours):
                run, project_id = seen.labels.get(hardening.RUN, ""), seen.labels.get(hardening.PROJECT, "")
                if project_id not in used and not (run.isdigit() and self._is_live(int(run))):
                    await self._try(self._shop.engine.remove(seen.id))
        roots = {project.source.parent for project in projects} | {self._shop.settings.root.expanduser()}
        await self._try(asyncio.to_thread(upkeep.empty_trash, sorted(roots)))
        self._recovered = True

    async def _try(self, work: Awaitable[object]) -> None:
        """One thing that cannot be mended must not keep the others from it."""
        try:
            await work
        except EngineUnreachable:
            raise
        except (UserError, OSError) as exc:
            log.warning("mending what an earlier start left: %s", exc)

    async def _finish(self, projects: Sequence[Project]) -> None:
        """Undo or delete what nobody is at any more: a crash cut it off, or the engine did not answer then."""
        for project in projects:
            if project.state is ProjectState.RESERVED:
                await self._alone(project, self._provisioner.undo)
            elif project.state is ProjectState.DELETING:
                await self._alone(project, lambda each: self._care.delete(each, purge=False))

    async def _alone(self, project: Project, work: Callable[[Project], Awaitable[object]]) -> bool:
        """Do `work` if nobody else is at the project and it still is as it was read; whether it was done."""
        if not self._claim(project.name):
            return False
        try:
            now = await self._shop.registry.get(project.name)
            if now is None or (now.id, now.state) != (project.id, project.state):
                return False
            await work(now)
            return True
        finally:
            self._disclaim(project.name)

    async def conditions(self, projects: Sequence[Project]) -> Sequence[Condition]:
        """Of projects that are ready. Raises EngineUnreachable."""
        return _conditions(projects, await self._containers())

    async def _containers(self) -> dict[str, Seen]:
        """By the project's id in their label."""
        ours = {hardening.LABEL: self._shop.install, hardening.ROLE: "project"}
        return {seen.labels.get(hardening.PROJECT, ""): seen for seen in await self._shop.engine.containers(ours)}

    async def _compare(self, now: Condition) -> None:
        project = now.project
        if self._shop.locks.get(project.name, _FREE).locked():
            return  # somebody is at it
        if now.container == "running":
            await self._rest_if_idle(project)
        if now.container == project.seen:
            return
        await self._shop.changed(project, seen=now.container)
        if now.container in WORTH_TELLING:
            await self._tell(project, _words(project, now.container))

    async def _rest_if_idle(self, project: Project) -> None:
        limit = self._shop.settings.idle_stop
        if not limit or self._shop.now() - project.used_at < limit or self._is_used(project.name):
            return
        # tini and sshd; a third process is somebody's session
        if len(await self._shop.engine.processes(self._shop.container_name(project))) <= 2:
            await self._care.stop(project)
            await self._tell(project, f"Project `{project.name}` was idle and is stopped; it starts again on use.")

    async def expire(self) -> None:
        """Undo what has waited for credentials long enough."""
        for project in await self._shop.registry.all():
            waits = project.state is ProjectState.AWAITING
            if waits and (project.expires_at or 0) <= self._shop.now():
                await self._alone(project, self._expired)

    async def _expired(self, project: Project) -> None:
        if (await self._provisioner.undo(project)).left:
            return  # it is tried again
        await asyncio.to_thread(self._shop.forget_secrets, project.name)
        await self._tell(
            project, f"Nobody gave project `{project.name}` a login for its repository in time; it is undone."
        )

    async def _something(self) -> None:
        """Until the engine says something about a container of ours, or ends."""
        await self.expire()
        async for _ in self._shop.engine.events({hardening.LABEL: self._shop.install}):
            await asyncio.sleep(SETTLE)
            return
        raise EngineUnreachable(reason="it ended")


def _conditions(projects: Sequence[Project], found: Mapping[str, Seen]) -> list[Condition]:
    ready = (project for project in projects if project.state is ProjectState.READY)
    return [Condition(project, condition(found.get(str(project.id)))) for project in ready]


def condition(seen: Seen | None) -> str:
    if seen is None:
        return "gone"
    if seen.oom_killed and not seen.running:
        return "out of memory"
    if not seen.running:
        return "stopped"
    return "unhealthy" if seen.health == "unhealthy" else "running"


def _words(project: Project, state: str) -> str:
    name = project.name
    return {
        "gone": f"The container of project `{name}` is gone; `project start {name}` makes it again from its image.",
        "stopped": f"The container of project `{name}` has stopped; `logs {name}` may show why, `project start {name}` "
        "starts it.",
        "unhealthy": f"In project `{name}` ssh does not answer any more; `project restart {name}` may help.",
        "out of memory": f"Project `{name}` ran out of memory; `set {name} --memory 8g` gives it more.",
    }[state]


_FREE = asyncio.Lock()
