"""Tables as lines of equal columns, for want of tables. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

WIDEST = 120  # columns of characters; a wider table would be wrapped, and its alignment help nobody


def drawn(rows: Sequence[Sequence[str]], aligned: Sequence[str]) -> list[str]:
    """`rows`, the first of which is the head; `aligned`: "left", "right" or "center" for each column."""
    widths = [max(_width(row[number]) for row in rows) for number in range(len(aligned))]
    if sum(widths) + 3 * len(widths) > WIDEST:
        return [" | ".join(row).rstrip() for row in rows]
    lines = [" | ".join(map(_padded, row, widths, aligned)).rstrip() for row in rows]
    lines.insert(1, "-+-".join("-" * width for width in widths))
    return lines


def _padded(cell: str, width: int, aligned: str) -> str:
    missing = width - _width(cell)
    left = {"right": missing, "center": missing // 2}.get(aligned, 0)
    return " " * left + cell + " " * (missing - left)


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)
