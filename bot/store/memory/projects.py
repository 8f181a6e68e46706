"""The registry of the twin."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import replace

from bot.projects.errors import NameTaken, PortsExhausted
from bot.projects.model import Project
from bot.projects.ports import FIRST, LAST
from bot.store.memory.disk import Disk
from bot.store.memory.writer import MemoryWriter


class MemoryProjects:
    def __init__(self, disk: Disk, writer: MemoryWriter) -> None:
        self._disk = disk
        self._writer = writer

    async def reserve(self, project: Project, ports: Sequence[int]) -> Project:
        kept = await self._writer.write("reserve", lambda: self._reserve(project, ports))
        if kept is None:
            raise NameTaken(name=project.name)
        if not kept.port:
            raise PortsExhausted(first=FIRST, last=LAST)
        return kept

    async def change(self, project: Project, fields: Sequence[str] = ()) -> None:
        await self._writer.write("change_project", lambda: self._change(project, fields))

    async def remove(self, project: int) -> None:
        await self._writer.write("remove_project", lambda: self._remove(project))

    async def get(self, name: str) -> Project | None:
        return next((project for project in await self.all() if project.name == name), None)

    async def all(self) -> Sequence[Project]:
        return await self._writer.read(
            "projects", lambda: sorted(self._disk.projects.values(), key=lambda project: project.name)
        )

    def _reserve(self, project: Project, ports: Sequence[int]) -> Project | None:
        if any(known.name == project.name for known in self._disk.projects.values()):
            return None
        taken = {known.port for known in self._disk.projects.values()}
        kept = replace(project, port=next((port for port in ports if port not in taken), 0))
        if kept.port:
            self._disk.projects[kept.id] = kept
        return kept

    def _change(self, project: Project, fields: Sequence[str]) -> None:
        known = self._disk.projects.get(project.id)
        if known is None:
            return
        named = fields or [each.name for each in dataclasses.fields(Project)]
        values = {name: getattr(project, name) for name in named if name not in ("id", "name", "port")}
        self._disk.projects[project.id] = replace(known, **values)

    def _remove(self, project: int) -> None:
        gone = self._disk.projects.pop(project, None)
        for session, settings in self._disk.sessions.items():
            if gone is not None and settings.project == gone.name:
                self._disk.sessions[session] = replace(settings, project=None)
