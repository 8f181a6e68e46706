"""The id of this installation: in the name and labels of everything that it makes on an engine others use too."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from bot.errors import OperatorError
from bot.projects.keys import put

_ID = re.compile(r"[0-9a-f]{8}\n?")


class InstallDamaged(OperatorError):
    """{path} should hold eight hexadecimal digits. They are in the labels of this bot's containers (tugbot.install)."""


def install_id(data: Path) -> str:
    """Made once for each data directory."""
    path = data / "install"
    if not path.exists():
        put(path, f"{secrets.token_hex(4)}\n".encode(), 0o600)
    text = path.read_text()
    if not _ID.fullmatch(text):
        raise InstallDamaged(path=path)
    return text.strip()
