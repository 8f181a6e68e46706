"""What is being written, above the prompt until it is finished: cleaned, wrapped, its end. Cheap to set."""

from __future__ import annotations

from collections.abc import Callable

from transports.clean import clean_output

MOST = 12  # rows


class Preview:
    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._text = ""

    def set(self, text: str) -> None:
        if text != self._text:
            self._text = text
            self._changed()

    def lines(self, columns: int, rows: int) -> str:
        """The end of the text in at most `rows` rows of `columns` cells, and never more than 12; "" for nothing."""
        rows = min(rows, MOST)
        if rows <= 0 or columns < 2 or not self._text:
            return ""
        end = clean_output(self._text[-columns * rows * 2 :]).rstrip("\n").replace("\t", "    ")
        wrapped = [row for line in end.split("\n") for row in _wrapped(line, columns)]
        return "\n".join(wrapped[-rows:])


def _wrapped(line: str, columns: int) -> list[str]:
    """At spaces where they leave no row half empty, else wherever the row is full."""
    from rich.cells import cell_len, chop_cells  # loading it takes time that a piped console does not have

    rows: list[str] = []
    row = ""
    for word in line.split(" "):
        joined = f"{row} {word}" if row else word
        if cell_len(joined) < columns:
            row = joined
            continue
        if row:
            rows.append(row)
        *full, row = chop_cells(word, columns - 1) or [""]
        rows += full
    return [*rows, row]
