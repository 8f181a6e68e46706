"""The life of a project that is there: start, stop, rebuild, change, delete."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bot.errors import UserError
from bot.projects import hardening, inspection, places, stacks
from bot.projects.errors import NotReady
from bot.projects.model import Project, ProjectState, Resources
from bot.projects.observed import Seen
from bot.projects.provisioner import Provisioner
from bot.projects.thorough import finished
from bot.projects.workshop import Progress, Workshop
from dispatcher.model import StoreUnavailable

log = logging.getLogger(__name__)

TRASH_DAYS = 7
DAY = 86_400


@dataclass(frozen=True, slots=True)
class Deleted:
    left: tuple[str, ...] = ()  # what could not be removed yet
    trash: Path | None = None  # where the source went; None: it stays


class Upkeep:
    def __init__(self, shop: Workshop, provisioner: Provisioner) -> None:
        self._shop = shop
        self._provisioner = provisioner

    async def start(self, project: Project) -> None:
        """Raises NotReady, SshSilent."""
        await self._shop.running(project)
        await self._shop.wait_for_ssh(project)
        await self._shop.changed(project, seen="running", used_at=self._shop.now())

    async def stop(self, project: Project) -> None:
        """The container and every run's beside it."""
        async with self._shop.alone(project.name):
            await self._shop.changed(project, seen="stopped")  # said by whoever asked; the watch need not repeat it
            await self.end_runs(project)
            if (seen := await self._shop.container(project)) is not None:
                await self._shop.engine.stop(seen.id)

    async def restart(self, project: Project) -> None:
        await self.stop(project)
        await self.start(project)

    async def rebuild(self, project: Project, names: Sequence[str], progress: Progress) -> Project:
        """A new image and container; source, home, keys and port stay. The old container comes back if it fails."""
        shop, known = self._shop, self._shop.images.stacks()
        progress.begin("image")
        asked_for = stacks.choose(names, known) or project.asked_for
        chosen = asked_for or stacks.detect(await inspection.files(shop, project), known)
        tag = await shop.images.project(chosen, project.owner, progress.line)
        progress.done(f"image {' + '.join(chosen) or 'base'}")
        new = await self._exchange(project, progress, image=tag, stacks=chosen, asked_for=asked_for)
        await self._forget_image(project.image)
        return new

    async def change(self, project: Project, resources: Resources, agent: str, progress: Progress) -> Project:
        """Limits hold from the new container on."""
        if resources == project.resources:
            return await self._shop.changed(project, agent=agent)
        return await self._exchange(project, progress, resources=resources, agent=agent)

    async def _exchange(self, project: Project, progress: Progress, **columns: object) -> Project:
        shop, name = self._shop, self._shop.container_name(project)
        async with shop.alone(project.name):
            progress.begin("container")
            await self._finish_exchange(project)
            await self.end_runs(project)
            had = await shop.container(project)
            new = replace(project, **columns)  # type: ignore[arg-type]
            try:
                if had is not None:
                    await shop.engine.stop(had.id)
                    await shop.engine.rename(had.id, f"{name}-old")
                await shop.make_container(new)
                progress.done("container")
                progress.begin("ssh")
                seconds = await shop.wait_for_ssh(new)
                progress.done(f"ssh answers ({seconds:.1f} s)")
                await finished(shop.changed(new, **columns))
            except BaseException:
                with contextlib.suppress(asyncio.CancelledError):
                    await finished(self._put_back(project, tuple(columns), name, had))
                raise
            if had is not None:
                await finished(shop.engine.remove(had.id))
        return new

    async def finish_exchange(self, project: Project) -> None:
        """After a crash between two containers: the old one goes if there is a new one, else it comes back."""
        async with self._shop.alone(project.name):
            await self._finish_exchange(project)

    async def _finish_exchange(self, project: Project) -> None:
        name = self._shop.container_name(project)
        old = await self._shop.engine.see(f"{name}-old")
        if old is None:
            return
        new = await self._shop.engine.see(name)
        if new is not None and new.image == project.image:
            await self._shop.engine.remove(old.id)
            return
        if new is not None:  # of an exchange that was never recorded
            await self._shop.engine.remove(new.id)
        await self._shop.engine.rename(old.id, name)
        await self._shop.engine.start(old.id)

    async def _put_back(self, project: Project, fields: tuple[str, ...], name: str, had: Seen | None) -> None:
        """The old container as it was. Never raises: what broke the exchange is to be told."""
        try:
            await self._shop.registry.change(project, fields)
            made = await self._shop.engine.see(name)
            if made is not None and (had is None or made.id != had.id):
                await self._shop.engine.remove(made.id)
            if had is None:
                return
            if made is None or made.id != had.id:
                await self._shop.engine.rename(had.id, name)
            if had.running:
                await self._shop.engine.start(had.id)
        except (UserError, StoreUnavailable) as exc:
            log.warning("the old container of %s could not be put back: %s", project.name, exc)

    async def end_runs(self, project: Project) -> None:
        """Kill what runs beside the project's own container: agents that rest."""
        engine = self._shop.engine
        for seen in await engine.containers({**self._shop.labels(project), hardening.ROLE: "run"}):
            await engine.kill(seen.id)
            await engine.remove(seen.id)

    async def delete(self, project: Project, *, purge: bool) -> Deleted:
        """Everything but the source; with `purge` that goes to the trash. Goes on where a crash cut it off."""
        if project.state is ProjectState.AWAITING:  # nothing was ever in its source
            project = replace(project, image="")
            return Deleted((await self._provisioner.undo(project)).left)
        project = await self._shop.changed(project, state=ProjectState.DELETING)
        trash = None
        if purge and project.source_mark and places.mark_of(project.source) == project.source_mark:
            trash = await asyncio.to_thread(_to_trash, project, self._shop.now())
        await self._shop.write_ssh_config()
        undone = await self._provisioner.remove(project)
        if not undone.left:
            await asyncio.to_thread(self._shop.forget_secrets, project.name)
            await self._forget_image(project.image)
        return Deleted(undone.left, trash)

    async def _forget_image(self, tag: str) -> None:
        """Remove an image that no project uses any more. Layers of it that another image has stay."""
        if tag and all(project.image != tag for project in await self._shop.registry.all()):
            try:
                await self._shop.engine.remove_image(tag)
            except UserError:
                return  # it costs disk, no more; `docker image prune` takes it


def _to_trash(project: Project, now: float) -> Path:
    place = project.source.parent / places.TRASH
    place.mkdir(mode=0o700, exist_ok=True)
    if place.is_symlink() or place.stat().st_uid != os.geteuid():
        raise NotReady(name=project.name, reason=f"`{place}` is not the bot's own directory; move it away")
    target = place / f"{project.name}-{int(now)}"
    os.rename(project.source, target)
    os.utime(target)
    return target


def empty_trash(roots: Sequence[Path], now: float | None = None) -> int:
    """Remove what has lain there for its days; how many sources."""
    oldest, count = (time.time() if now is None else now) - TRASH_DAYS * DAY, 0
    for root in roots:
        place = root / places.TRASH
        for entry in place.glob("*-*") if place.is_dir() and not place.is_symlink() else ():
            stamp = entry.name.rpartition("-")[2]
            if stamp.isdigit() and int(stamp) < oldest and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)  # what cannot go today is tried at the next start
                count += not entry.exists()
    return count
