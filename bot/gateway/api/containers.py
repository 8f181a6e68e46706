"""What projects' containers do, as far as the engine says so in time."""

from __future__ import annotations

from bot.errors import UserError
from bot.gateway.api.model import Backstage
from bot.projects.model import Project

PATIENCE = 10.0  # seconds for the engine


async def asked(stage: Backstage, *projects: Project) -> tuple[dict[str, str], str]:
    """By the project's name; and why it is not known, "" where it is."""
    if not projects:
        return {}, ""
    try:
        return dict(await stage.errands.within(PATIENCE, lambda: stage.containers(projects))), ""
    except UserError as exc:
        return {}, str(exc)
    except TimeoutError:
        return {}, f"The Docker engine took longer than {PATIENCE:.0f} s to answer."
