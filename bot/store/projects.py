"""The one registry of projects: bot.projects.model.Registry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, delete, insert, select, update

from bot.projects.errors import NameTaken, PortsExhausted
from bot.projects.model import Owner, Project, ProjectState, Resources
from bot.projects.ports import FIRST, LAST
from bot.store.database import Database
from bot.store.rows import AnyRow
from bot.store.tables import projects, sessions

LISTS = ("stacks", "asked_for", "forwards")
PARTS = {"resources": ("cpus", "memory"), "owner": ("uid", "gid")}  # fields that are several columns


class Projects:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def reserve(self, project: Project, ports: Sequence[int]) -> Project:
        # Raised here and not in the transaction: to the writer an error is a fault of the store's.
        port = await self._database.write("reserve", lambda connection: _reserve(connection, project, ports))
        if port is None:
            raise NameTaken(name=project.name)
        if not port:
            raise PortsExhausted(first=FIRST, last=LAST)
        return replace(project, port=port)

    async def change(self, project: Project, fields: Sequence[str] = ()) -> None:
        await self._database.write("change_project", lambda connection: _change(connection, project, fields))

    async def remove(self, project: int) -> None:
        await self._database.write("remove_project", lambda connection: _remove(connection, project))

    async def get(self, name: str) -> Project | None:
        found = await self._read(select(projects).where(projects.c.name == name))
        return found[0] if found else None

    async def all(self) -> Sequence[Project]:
        return await self._read(select(projects).order_by(projects.c.name))

    async def _read(self, query: Select[Any]) -> list[Project]:
        return await self._database.read(
            "projects", lambda connection: [_project_of(row) for row in connection.execute(query)]
        )


def _reserve(connection: Connection, project: Project, ports: Sequence[int]) -> int | None:
    """The port; None: the name is taken; 0: there is no port."""
    rows = connection.execute(select(projects.c.name, projects.c.port)).all()
    if project.name in {row.name for row in rows}:
        return None
    taken = {row.port for row in rows}
    port = next((port for port in ports if port not in taken), 0)
    if port:
        connection.execute(insert(projects).values(**_columns(replace(project, port=port))))
    return port


def _change(connection: Connection, project: Project, fields: Sequence[str]) -> None:
    columns = _columns(project)
    wanted = {part for field in fields for part in PARTS.get(field, (field,))} or set(columns)
    values = {name: columns[name] for name in wanted - {"id", "name", "port"}}
    connection.execute(update(projects).where(projects.c.id == project.id).values(**values))


def _remove(connection: Connection, project: int) -> None:
    name = connection.execute(select(projects.c.name).where(projects.c.id == project)).scalar_one_or_none()
    connection.execute(update(sessions).where(sessions.c.project == name).values(project=None))
    connection.execute(delete(projects).where(projects.c.id == project))


def _columns(project: Project) -> dict[str, Any]:
    columns = asdict(project)
    columns |= columns.pop("resources") | columns.pop("owner")
    columns["source"] = str(project.source)
    columns["state"] = project.state.value
    columns |= {name: list(columns[name]) for name in LISTS}
    return columns


def _project_of(row: AnyRow) -> Project:
    columns = {**row._mapping}
    columns["resources"] = Resources(columns.pop("cpus"), columns.pop("memory"))
    columns["owner"] = Owner(columns.pop("uid"), columns.pop("gid"))
    columns["source"] = Path(columns["source"])
    columns["state"] = ProjectState(columns["state"])
    columns |= {name: tuple(columns[name]) for name in LISTS}
    return Project(**columns)
