"""Values that are secret for as long as a test says so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from bot import hidden


@contextmanager
def noted(*values: str) -> Iterator[None]:
    """These alone are noted."""
    with mock.patch.multiple(hidden, _logged=hidden.Values(), _shown=hidden.Values(), _noted=set()):
        hidden.note(values)
        yield
