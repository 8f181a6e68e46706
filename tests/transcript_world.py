"""Who listens to what is written down, in tests."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.transcript.model import Said


class Silent:
    """bot.transcript.book.Telling: nobody listens."""

    async def added(self, said: Said) -> None: ...

    async def changed(self, before: Said, after: Said) -> None: ...


@dataclass
class Listener:
    """bot.transcript.book.Telling: remembers all it was told."""

    told: list[tuple[Said | None, Said]] = field(default_factory=list)  # before and after

    async def added(self, said: Said) -> None:
        self.told.append((None, said))

    async def changed(self, before: Said, after: Said) -> None:
        self.told.append((before, after))

    def texts(self) -> list[str]:
        return [text(said) for _, said in self.told]


def text(said: Said) -> str:
    """All of its words."""
    return " | ".join(part.text for part in said.parts)
