"""Who commits are by: as the settings say, else as the bot's user is called in git's own configuration."""

from __future__ import annotations

import subprocess

from bot.projects.model import GitIdentity

PATIENCE = 5  # seconds


def identity(name: str, email: str) -> GitIdentity | None:
    """None: neither knows; commits never carry a made-up one. Blocks for some milliseconds."""
    name, email = name or _configured("user.name"), email or _configured("user.email")
    return GitIdentity(name, email) if name and email else None


def _configured(key: str) -> str:
    try:
        # In no repository, so that nobody's configuration but the user's own is read.
        found = subprocess.run(
            ("git", "config", "--global", "--get", key), cwd="/", capture_output=True, text=True, timeout=PATIENCE
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.strip() if found.returncode == 0 else ""
