"""How far one word is from another. Pure."""

from __future__ import annotations

from collections.abc import Iterable

LONGEST = 40  # characters; the names compared here are shorter, and the cost grows with the square


def distance(a: str, b: str) -> int:
    """Damerau's distance (optimal string alignment): insertions, deletions, substitutions, swapped neighbours."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        after = [i]
        for j, y in enumerate(b, 1):
            cost = min(row[j] + 1, after[j - 1] + 1, row[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, before[j - 2] + 1)
            after.append(cost)
        before, row = row, after
    return row[-1]


def near(word: str, candidates: Iterable[str], limit: int) -> tuple[str, ...]:
    """Candidates at most `limit` away, nearest first. At least one letter must be shared: "ok" is not near "pi"."""
    found = [
        (far, candidate)
        for candidate in candidates
        if max(len(word), len(candidate)) <= LONGEST and abs(len(word) - len(candidate)) <= limit
        if (far := distance(word, candidate)) <= limit and far < min(len(word), len(candidate))
    ]
    return tuple(candidate for _, candidate in sorted(found))
