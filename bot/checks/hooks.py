"""Whether each webhook of the settings can be called, and can speak where it is to."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

from bot import forges
from bot.checks import database
from bot.checks.base import Check
from bot.forges import HookSecret
from bot.secrets import Secrets, SecretsUnreadable, hook_scope
from bot.settings import Settings
from bot.webhooks.model import Webhook

ALWAYS = ("console", "web")  # transports where a conversation needs nobody to begin it


def check(settings: Settings, environ: Mapping[str, str]) -> Iterator[Check]:
    """Nothing where there are none."""
    known = _sessions(database.file(settings.database)) if settings.hooks else None
    for hook in forges.hooks(settings).values():
        yield _check(hook, settings, environ, known)


def _check(hook: Webhook, settings: Settings, environ: Mapping[str, str], known: Mapping[str, bool] | None) -> Check:
    name = f"hook {hook.name}"
    transport = hook.session.partition("/")[0]
    try:
        Secrets(settings.data_dir).read(hook_scope(hook.name))
    except SecretsUnreadable as exc:
        return Check(name, False, str(exc), "do what it says, then run: tugbot doctor")
    if not HookSecret(hook.name, settings.data_dir, environ)():
        return Check(name, False, "it has no secret, so it answers nobody", f"tugbot hook secret {hook.name}")
    if transport not in forges.reached(settings):
        detail = f"it speaks in {hook.session}, but {transport} is not set up"
        return Check(name, False, detail, f"correct hooks.{hook.name}.session in bot.toml")
    if transport not in ALWAYS and known is not None and hook.session not in known:
        detail = f"nobody has spoken to the bot in {hook.session} yet, so it may not be there"
        return Check(name, False, detail, f"invite it there and say something, or correct hooks.{hook.name}.session")
    if hook.role == "member" and known is not None and not known.get(hook.session):
        detail = f"{hook.session} is about no project, and a member's words reach an agent in projects alone"
        return Check(name, False, detail, 'say there: use <project>; or set role = "operator"')
    return Check(name, True, f"{hook.path} speaks in {hook.session}")


def _sessions(file: Path | None) -> Mapping[str, bool] | None:
    """The conversations that there are, and whether they have a project. None: that cannot be told from here."""
    if file is None:
        return None
    if not file.exists():
        return {}
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=2)) as connection:
            return {
                str(row[0]): row[1] is not None for row in connection.execute("SELECT session, project FROM sessions")
            }
    except sqlite3.Error:
        return None  # the check of the database says why
