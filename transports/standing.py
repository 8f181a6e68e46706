"""Where a message stands among the conversations of its network."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Standing:
    session: str
    target: str
    parent: str = ""  # session whose settings a new one begins with
    ours: bool = False  # it goes on with a conversation of ours
