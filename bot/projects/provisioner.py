"""`new project`: reads like the list of its steps. Each knows how to undo itself from the record alone, so a failure, a
`stop` and the start after a crash undo in the same way (P13)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from bot.errors import UserError
from bot.projects import checkout, gitaccess, giturl, names, places, ports, stacks
from bot.projects.checkout import Checkout
from bot.projects.errors import CredentialsNeeded, IdentityMissing, ProvisioningFailed
from bot.projects.model import Order, Project, ProjectState, Resources
from bot.projects.observed import EngineInfo
from bot.projects.thorough import finished, in_thread
from bot.projects.workshop import Progress, Workshop
from dispatcher.model import StoreUnavailable

log = logging.getLogger(__name__)

LEAST_MEMORY = 256_000_000  # bytes; "256m" and "256MB" are both enough
POST_CREATE = 600.0  # seconds for a project's own postCreateCommand
KEPT = "kept"  # as the mark of a source: no directory has it
UNDO_PATIENCE = 60.0  # seconds for one step's undo


@dataclass(slots=True)
class Making:
    """One project on its way."""

    project: Project
    progress: Progress
    checkout: Checkout | None = None


@dataclass(frozen=True, slots=True)
class Step:
    name: str  # "cloning": what is under way
    do: Callable[[Making], Awaitable[str]]  # what came of it, for the ✔
    undo: Callable[[Project], Awaitable[object]] | None = None  # idempotent, from the record alone


@dataclass(frozen=True, slots=True)
class Undone:
    """What an undo could not remove."""

    left: tuple[str, ...] = ()


class Provisioner:
    def __init__(self, shop: Workshop) -> None:
        self._shop = shop
        self.steps: tuple[Step, ...] = (
            Step("workspace", self._workspace, self._no_workspace),
            Step("cloning", self._clone, self._no_home),
            Step("image", self._image),
            Step("keys", self._keys, self._no_keys),
            Step("container", self._container, self._no_containers),
            Step("ssh", self._ssh),
            Step("postCreateCommand", self._post_create),
            Step("registering", self._register, self._no_record),
        )

    async def create(self, order: Order, run: int, progress: Progress) -> Project:
        """From an order to a project that is ready. Whatever ends it otherwise leaves nothing behind, with one
        exception: CredentialsNeeded leaves a project that waits for them.
        """
        progress.begin("checking")
        wanted = await self._checked(order, run)
        project = await self._reserve(wanted)
        progress.done("checked")
        return await self._go_on(Making(project, progress), self.steps)

    async def resume(self, project: Project, run: int, progress: Progress) -> Project:
        """Go on with one that waited for credentials."""
        project = replace(project, state=ProjectState.RESERVED, run=run, expires_at=None)
        return await self._go_on(Making(project, progress), (Step("login", self._resumed), *self.steps[1:]))

    async def undo(self, project: Project) -> Undone:
        """Remove everything that was made for it, and last its record. Twice is as good as once."""
        left = []
        for step in reversed(self.steps):
            if step.undo is None:
                continue
            try:
                async with asyncio.timeout(UNDO_PATIENCE):
                    await step.undo(project)
            except (UserError, OSError, TimeoutError, StoreUnavailable) as exc:
                log.warning("undoing %s of %s: %s", step.name, project.name, exc)
                left.append(f"{step.name} ({exc})")
        if not left:
            # Name and port are free only when nothing bears them any more.
            await self._shop.registry.remove(project.id)
        return Undone(tuple(left))

    async def remove(self, project: Project) -> Undone:
        """The same for one that is deleted: its source stays where it is."""
        return await self.undo(replace(project, source_mark=KEPT))

    # ------------------------------------------------------------ the way

    async def _go_on(self, making: Making, steps: Sequence[Step]) -> Project:
        try:
            for step in steps:
                making.progress.begin(step.name)
                try:
                    making.progress.done(await step.do(making))
                except UserError as exc:
                    raise _named(step, exc) from exc
        except CredentialsNeeded:
            expires = self._shop.now() + self._shop.settings.credentials_wait
            await self._shop.changed(making.project, state=ProjectState.AWAITING, expires_at=expires)
            raise
        except BaseException:
            making.progress.begin("undoing")
            # Not to be cancelled by anyone: half an undo is the state that must never be.
            undoing = asyncio.ensure_future(self.undo(making.project))
            with contextlib.suppress(asyncio.CancelledError):  # the exception that is being handled answers it
                await finished(undoing)
            undone = undoing.result()
            for left in undone.left:
                making.progress.say(f"Could not be removed yet: {left}. The next start tries again.")
            if not undone.left:
                making.progress.done("undone")
            raise
        return making.project

    # ------------------------------------------------------------ before anything is made

    async def _reserve(self, wanted: Project) -> Project:
        """Take name and port; given back if the answer comes too late for whoever asked."""
        reserving = asyncio.ensure_future(self._shop.registry.reserve(wanted, await self._ports()))
        try:
            return await finished(reserving)
        except asyncio.CancelledError:
            if not reserving.cancelled() and reserving.exception() is None:
                await finished(self._shop.registry.remove(wanted.id))
            raise

    async def _checked(self, order: Order, run: int) -> Project:
        shop, settings = self._shop, self._shop.settings
        names.check(order.name)
        url = giturl.parse(order.git_url, settings.protocols) if order.git_url else None
        branch = giturl.check_branch(order.branch) if order.branch else ""
        asked_for = stacks.choose(order.stacks, shop.images.stacks())
        if settings.identity is None:
            raise IdentityMissing
        root = settings.root.expanduser()
        wanted = order.path or root / order.name
        source = places.check(wanted, (root, *settings.allowed_roots), shop.data)
        places.check_apart(source, [project.source for project in await shop.registry.all()])
        resources = await self._resources(order)
        now = shop.now()
        return Project(
            id=secrets.randbits(48),
            name=order.name,
            state=ProjectState.RESERVED,
            source=source,
            port=0,
            resources=resources,
            owner=places.owner_of(root),
            session=order.session,
            target=order.target,
            created_by=order.asked_by,
            created_at=now,
            used_at=now,
            git_url=str(url or ""),
            branch=branch,
            agent=order.agent,
            run=run,
            asked_for=asked_for,
        )

    async def _ports(self) -> Sequence[int]:
        taken = {project.port for project in await self._shop.registry.all()}
        free = ports.candidates(taken, (), seed=int(self._shop.install, 16))
        return await asyncio.to_thread(_unused, free)

    async def _resources(self, order: Order) -> Resources:
        info = await self._shop.engine.info()
        default = self._shop.settings.resources or Resources(float(info.cpus), info.memory // 2)
        wanted = Resources(order.cpus or default.cpus, order.memory or default.memory)
        _check(wanted, info)
        return wanted

    async def check_resources(self, wanted: Resources) -> None:
        """Raises ProvisioningFailed for more than the machine has, and for less than anything can live on."""
        _check(wanted, await self._shop.engine.info())

    # ------------------------------------------------------------ steps

    async def _resumed(self, making: Making) -> str:
        await self._shop.registry.change(making.project)
        return ""

    async def _workspace(self, making: Making) -> str:
        project = making.project
        mark = await in_thread(places.make, project.source, project.owner)
        making.project = replace(project, source_mark=mark)  # first here: the undo of this step must know it
        await self._shop.registry.change(making.project)
        return "workspace"

    async def _clone(self, making: Making) -> str:
        shop, project = self._shop, making.project
        assert shop.settings.identity is not None
        image = await shop.images.project((), project.owner, making.progress.line)
        await shop.engine.ensure_volume(shop.volume(project), shop.labels(project))
        await shop.network()
        git = await shop.git_directory(project)
        making.checkout = await checkout.make(shop.git, project, image, git, shop.settings)
        push = making.checkout.push
        wanted = making.checkout.container
        making.project = await shop.changed(
            project, branch=making.checkout.branch, push=push, forwards=wanted.forwards, environ=dict(wanted.env)
        )
        return making.checkout.words(project)

    async def _image(self, making: Making) -> str:
        shop, project = self._shop, making.project
        assert making.checkout is not None
        known = shop.images.stacks()
        chosen = project.asked_for or stacks.detect(making.checkout.files, known)
        tag = await shop.images.planned(chosen, project.owner)
        cached = tag is not None and await shop.engine.image_id(tag) is not None
        tag = await shop.images.project(chosen, project.owner, making.progress.line)
        making.project = await shop.changed(project, stacks=chosen, image=tag)
        for warning in making.checkout.container.warnings:
            making.progress.say(warning)
        how = "" if project.asked_for else ", found by its files" if chosen else ", no stack found"
        return f"image {' + '.join(chosen) or 'base'} ({'cached' if cached else 'built'}{how})"

    async def _keys(self, making: Making) -> str:
        project = making.project
        await in_thread(self._shop.keys(project.name).write, project.port, project.owner)
        return "keys"

    async def _container(self, making: Making) -> str:
        await self._shop.make_container(making.project)
        return "container"

    async def _ssh(self, making: Making) -> str:
        seconds = await self._shop.wait_for_ssh(making.project)
        return f"ssh answers ({seconds:.1f} s)"

    async def _post_create(self, making: Making) -> str:
        """The project's own command, inside; it is the project's business whether it works."""
        assert making.checkout is not None
        command = making.checkout.container.command
        if not command:
            return ""
        said = await self._shop.inside(making.project, command, POST_CREATE)
        if said:
            making.progress.say(f"The project's postCreateCommand {said}")
            return ""
        return "postCreateCommand"

    async def _register(self, making: Making) -> str:
        making.project = await self._shop.changed(making.project, state=ProjectState.READY, seen="running")
        await self._shop.write_ssh_config()
        return "registered"

    # ------------------------------------------------------------ their undoing

    async def _no_record(self, project: Project) -> None:
        if project.state is ProjectState.READY:  # it was registered, and then something failed or it was stopped
            await self._shop.changed(project, state=ProjectState.DELETING)
        await self._shop.write_ssh_config()

    async def _no_containers(self, project: Project) -> None:
        engine = self._shop.engine
        for seen in await engine.containers(self._shop.labels(project)):
            await engine.kill(seen.id)
            await engine.remove(seen.id)
        for network in await engine.networks(self._shop.labels(project)):
            await engine.remove_network(network)

    async def _no_keys(self, project: Project) -> None:
        await asyncio.to_thread(gitaccess.forget, self._shop.keys(project.name))

    async def _no_home(self, project: Project) -> None:
        # A volume cannot go while a throwaway container of git's still has it.
        await self._no_containers(project)
        for volume in await self._shop.engine.volumes(self._shop.labels(project)):
            await self._shop.engine.remove_volume(volume)

    async def _no_workspace(self, project: Project) -> None:
        await asyncio.to_thread(places.remove, project)


def _check(wanted: Resources, info: EngineInfo) -> None:
    if not 0.01 <= wanted.cpus <= info.cpus:
        raise ProvisioningFailed(step="checking", reason=f"--cpus must be between 0.01 and {info.cpus} here")
    if not LEAST_MEMORY <= wanted.memory <= info.memory:
        most = f"{info.memory >> 20}m"
        raise ProvisioningFailed(step="checking", reason=f"--memory must be between 256m and {most} here")


def _named(step: Step, exc: UserError) -> UserError:
    """The step in front of the reason; what waits for credentials keeps its kind."""
    return exc if isinstance(exc, CredentialsNeeded) else ProvisioningFailed(step=step.name, reason=str(exc))


def _unused(candidates: Sequence[int]) -> Sequence[int]:
    """Those that nothing listens on, as far as can be told: enough of them for whatever else is being reserved."""
    found: list[int] = []
    for port in candidates:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == 50:
            break
    return found
