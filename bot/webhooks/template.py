"""Sentences of the settings with {placeholders}. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

PLACEHOLDERS = ("branch", "url", "title", "author", "repository", "event", "number")
LONGEST = 4000  # characters of a template
# Anything else in braces is a mistake; a lone brace is a brace.
_BRACES = re.compile(r"\{([^{}\n]*)\}")


def unknown(template: str) -> str | None:
    """The first placeholder that there is not; None: there is none."""
    return next((found[1] for found in _BRACES.finditer(template) if found[1] not in PLACEHOLDERS), None)


def filled(template: str, values: Mapping[str, str]) -> str:
    """In one pass: what a value brings along in braces stays as it is."""
    return _BRACES.sub(lambda found: values.get(found[1], found[0]), template)
