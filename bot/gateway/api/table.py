"""All routes of the API, in the order in which its document shows them."""

from __future__ import annotations

from bot.gateway.api import amending, files, inspecting, me, projects, runs, sessions, stacks, stats, transcript
from bot.gateway.api.model import Route

ROUTES: tuple[Route, ...] = (
    *me.ROUTES,
    *projects.ROUTES,
    *inspecting.ROUTES,
    *sessions.ROUTES,
    *transcript.ROUTES,
    *amending.ROUTES,
    *files.ROUTES,
    *runs.ROUTES,
    *stats.ROUTES,
    *stacks.ROUTES,
)
