"""What a check is. No logic here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    ok: bool
    detail: str  # what was found
    fix: str = ""  # the command that mends it; with ok=True, one that would improve it
