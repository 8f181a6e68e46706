"""A look into JSON that anybody may have written: what is not there, or is something else, is empty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.webhooks import cleaning

ENTRIES = 5  # of a list, at most


@dataclass(frozen=True, slots=True)
class Payload:
    raw: object

    def at(self, *path: str) -> Payload:
        found = self.raw
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        return Payload(found)

    def text(self, *path: str) -> str:
        """Cleaned, on one line."""
        return cleaning.field(self.at(*path).raw)

    def url(self, *path: str) -> str:
        return cleaning.url(self.at(*path).raw)

    def word(self, *path: str) -> str:
        """As it is, for comparing alone: never shown."""
        found = self.at(*path).raw
        return found if isinstance(found, str) and len(found) <= cleaning.FIELD else ""

    def is_true(self, *path: str) -> bool:
        return self.at(*path).raw is True

    def has(self, *path: str) -> bool:
        return self.at(*path).raw is not None

    def entries(self, *path: str) -> Sequence[Payload]:
        """The first ENTRIES of a list."""
        found = self.at(*path).raw
        return [Payload(each) for each in found[:ENTRIES]] if isinstance(found, list) else []

    def count(self, *path: str) -> int:
        found = self.at(*path).raw
        return len(found) if isinstance(found, list) else 0
