"""What a method of the Web API is made of."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.slack_fake.model import Json, Refused
from tests.slack_fake.team import Team


class Arguments:
    """Of one call: texts where they came in a form or a query, values where they came as JSON."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.given = dict(given)

    def text(self, name: str) -> str:
        value = self.given.get(name)
        return "" if value is None else str(value)

    def flag(self, name: str) -> bool:
        return self.text(name).lower() in ("1", "true")

    def number(self, name: str, default: int) -> int:
        try:
            return int(self.text(name) or default)
        except ValueError:
            raise Refused("invalid_arguments") from None

    def value(self, name: str, error: str) -> Any:
        """Of a structure, which forms carry as JSON."""
        value = self.given.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            raise Refused(error) from None


@dataclass(frozen=True, slots=True)
class Method:
    name: str
    call: Callable[[Team, Arguments], Json]  # raises Refused
    takes: frozenset[str]
    required: tuple[str, ...] = ()
    scope: str = ""  # one of these, separated by spaces; "": none is needed
    json: bool = True  # False: it reads its arguments from forms and queries alone


def method(
    name: str,
    call: Callable[[Team, Arguments], Json],
    takes: str,
    required: str = "",
    scope: str = "",
    json: bool = True,
) -> Method:
    return Method(name, call, frozenset(f"{takes} {required}".split()), tuple(required.split()), scope, json)
