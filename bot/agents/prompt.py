"""A batch of chat messages as one prompt. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping

from dispatcher.model import Batch, Row

NAME_LIMIT = 60  # characters of a sender's name


def _by_path(row: Row, path: str) -> str:
    return f"attached file: {path}"


def build_prompt(batch: Batch, keeps_conversation: bool, tell: Callable[[Row, str], str] = _by_path) -> str:
    """Texts in arrival order, joined by a blank line.

    Each is led by its sender's name (`Ann: text`) where the room is shared or where more than one person speaks.
    What an interrupted turn was given comes first, unless the agent remembers it. `tell`: what is said of a file that
    came with a message.
    """
    rows = batch.rows if keeps_conversation else batch.repeats + batch.rows
    names = sender_names(rows)
    alone = len(names) == 1
    return "\n\n".join(_message(row, "" if alone and row.direct else names[_person(row)], tell) for row in rows)


def clean_name(name: str) -> str:
    """A sender's name on one line, without invisible characters, at most 60 characters: it is anyone's free text."""
    visible = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in name)
    return " ".join(visible.split())[:NAME_LIMIT].rstrip() or "someone"


def sender_names(rows: Iterable[Row]) -> Mapping[tuple[str, str], str]:
    """A name for each person; those who share one are told apart by their network id."""
    names = {_person(row): clean_name(row.sender_name) for row in rows}
    taken = list(names.values())
    return {who: name if taken.count(name) == 1 else f"{name} ({clean_name(who[1])})" for who, name in names.items()}


def _person(row: Row) -> tuple[str, str]:
    return row.event.transport, row.sender


def _message(row: Row, name: str, tell: Callable[[Row, str], str]) -> str:
    files = [f"[{' '.join(tell(row, path).split())}]" for path in row.attachments]
    text = f"{name}: {row.text}" if name else row.text
    # A file may come without a word.
    return "\n".join([*([text] if text or not files else []), *files])
