"""Writing into bot.toml, where the person agrees; all else in it, comments too, stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Table

from bot.cli_init import asking
from bot.errors import UserError


class FileUnwritable(UserError):
    """{file} could not be changed ({reason}). Write into it by hand what is shown above."""


def offer(path: Path, shown: str, change: Callable[[str], str], *, yes: bool) -> None:
    """`shown`: what the file shall hold; `change`: its text with that in it. Raises FileUnwritable."""
    click.echo(f"\n{path} shall hold:\n\n{shown}\n")
    if not yes and not asking.agreed(f"Write that into {path}?"):
        return
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        path.write_text(change(text), encoding="utf-8")
    except (OSError, UnicodeDecodeError, TOMLKitError) as exc:
        raise FileUnwritable(file=path, reason=str(exc)) from exc
    click.echo(f"Written to {path}.")


def transport_table(document: tomlkit.TOMLDocument, name: str) -> Table:
    """[transports.<name>], made where it is not there."""
    transports = document.setdefault("transports", tomlkit.table(is_super_table=True))
    table: Table = transports.setdefault(name, tomlkit.table())
    return table
