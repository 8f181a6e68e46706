"""Files that came with messages: from where their transport left them to where the agent can read them."""

from __future__ import annotations

import asyncio
import logging
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bot import workspace
from bot.runs.workplaces import Workplace
from bot.workspace import Workspace
from dispatcher.model import Batch, Row

log = logging.getLogger(__name__)

HOUSE = ".tugbot"  # ours in a workspace; git does not see it
FOLDER = (HOUSE, "files")
KEPT = 30 * 86400.0  # seconds that fetched files are kept


@dataclass(frozen=True, slots=True)
class Brought:
    """What became of a batch's files."""

    words: Mapping[tuple[int, str], str]  # by row and path on this machine: what the prompt says of it
    troubles: tuple[str, ...] = ()  # what the chat is told

    def tell(self, row: Row, path: str) -> str:
        return self.words.get((row.id, path), "")


async def bring(batch: Batch, workplace: Workplace) -> Brought:
    """Copy the files of a batch into its workspace. One that cannot be brought is told, and stops nothing."""
    files = [(row, path) for row in (*batch.repeats, *batch.rows) for path in row.attachments]
    if not files:
        return Brought({})
    space = workplace.files or Workspace(workplace.cwd, workplace.cwd)
    return await asyncio.to_thread(_brought, files, space)


def _brought(files: list[tuple[Row, str]], space: Workspace) -> Brought:
    words: dict[tuple[int, str], str] = {}
    troubles: list[str] = []
    for row, path in files:
        name = workspace.clean(Path(path).name)
        try:
            words[row.id, path] = f"attached file: {_put(space, f'{row.id}-{name}', Path(path))}"
        except OSError as exc:
            log.warning("attachment %r of message %s was not brought: %s", path, row.id, exc)
            words[row.id, path] = f"a file was attached and could not be brought here: {name} ({_why(exc)})"
            troubles.append(f"The file {name} could not be brought to the agent: {_why(exc)}.")
    return Brought(words, tuple(troubles))


def _put(space: Workspace, name: str, source: Path) -> str:
    workspace.hide(space, (HOUSE,))
    return workspace.put(space, FOLDER, name, source)


def _why(exc: OSError) -> str:
    if isinstance(exc, FileNotFoundError):
        return "it is not kept any more"
    if isinstance(exc, NotADirectoryError):
        return f"{HOUSE} in the workspace is no plain directory"
    return (exc.strerror or str(exc)).lower()


def prune(folder: Path, now: float) -> int:
    """Remove what was fetched more than 30 days ago (`now`: Unix seconds); how many files. Follows no link."""
    removed = 0
    for place, folders, names in os.walk(folder, topdown=False):
        for name in (*names, *folders):
            removed += _removed(Path(place) / name, now - KEPT)
    return removed


def _removed(path: Path, before: float) -> bool:
    """Directories go when they are old and empty."""
    try:
        info = path.lstat()
        if info.st_mtime >= before:
            return False
        if stat.S_ISDIR(info.st_mode):
            path.rmdir()
            return False
        path.unlink()
    except OSError as exc:
        log.debug("%s stays: %s", path, exc)
        return False
    return True
