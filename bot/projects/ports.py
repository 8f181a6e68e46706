"""Which port a project gets. Pure."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence

FIRST, LAST = 20_000, 29_999  # below Linux's ephemeral range, which begins at 32768


def candidates(taken: Collection[int], busy: Collection[int], seed: int) -> Sequence[int]:
    """Free ports in the order in which they are to be tried; other bots on this machine begin elsewhere."""
    free = [port for port in range(FIRST, LAST + 1) if port not in taken and port not in busy]
    if not free:
        return ()
    start = random.Random(seed).randrange(len(free))
    return (*free[start:], *free[:start])
