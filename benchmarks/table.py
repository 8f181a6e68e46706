"""One figure and how it is shown. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value beside what was measured as its baseline in the same run."""

    what: str
    value: float
    unit: str
    baseline: float | None = None
    beside: str = ""  # what the baseline is
    aim: str = ""


def percentile(values: Iterable[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def table(figures: Sequence[Figure]) -> str:
    lines = ["| what | value | baseline | ratio | aim |", "|---|---:|---|---:|---|"]
    return "\n".join([*lines, *map(_line, figures)])


def _line(figure: Figure) -> str:
    beside = f"{figure.baseline:,.2f} {figure.unit} ({figure.beside})" if figure.baseline is not None else ""
    ratio = f"{figure.value / figure.baseline:.2f}" if figure.baseline else ""
    return f"| {figure.what} | {figure.value:,.2f} {figure.unit} | {beside} | {ratio} | {figure.aim} |"
