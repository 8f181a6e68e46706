"""All routes of the API, in the order in which its document shows them."""

from __future__ import annotations

from bot.gateway.api import projects, runs, sessions, stacks
from bot.gateway.api.model import Route

ROUTES: tuple[Route, ...] = (*projects.ROUTES, *sessions.ROUTES, *runs.ROUTES, *stacks.ROUTES)
