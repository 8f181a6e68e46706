"""Where a batch is worked on: in a sandbox on this machine, or in its project's container. No logic here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bot.agents.base import Launcher
from bot.agents.config import Place
from bot.workspace import Workspace
from dispatcher.model import Batch


@dataclass(frozen=True, slots=True)
class Workplace:
    launcher: Launcher
    cwd: Path  # as the agent sees it
    place: Place
    files: Workspace | None = None  # its files on this machine; None: they lie at `cwd`


class Workplaces(Protocol):
    async def of(self, batch: Batch) -> Workplace:
        """Raises UserError where the batch's project is not there or not ready."""
        ...
