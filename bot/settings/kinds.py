"""The types that settings have, each with the words that say what is expected."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints

from bot.quantities import DURATION, SIZE, parse_duration, parse_size


class Section(BaseModel):
    """One table of the settings file."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


@dataclass(frozen=True, slots=True)
class Expected:
    """What to write for a setting of this kind, for error messages and the reference page."""

    words: str
    kind: str = "other"  # duration | size | other: how a default is shown


@dataclass(frozen=True, slots=True)
class Private:
    """Marks a setting whose value may hold a secret and is never repeated in a message."""


def _count(value: object) -> int:
    # pydantic's lax mode would read true as 1 and 2.0 as 2
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d{1,18}", value.strip(), re.ASCII):
        return int(value)
    raise ValueError("expected a whole number")


def _flag(value: object) -> bool:
    # TUGBOT_ variables are text; yes, on and 1 are left out because TOML does not have them either
    if isinstance(value, str):
        value = {"true": True, "false": False}.get(value.strip().lower())
    if isinstance(value, bool):
        return value
    raise ValueError("expected true or false")


def _path(value: object) -> Path:
    if isinstance(value, Path) or (isinstance(value, str) and value.strip() and "\0" not in value):
        return Path(value).expanduser()
    raise ValueError("expected a path")


def _money(value: object) -> float:
    if isinstance(value, str) and re.fullmatch(r"\d{1,9}(\.\d{1,6})?", value.strip(), re.ASCII):
        return float(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    raise ValueError("expected an amount")


def _cpus(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    if isinstance(value, str) and re.fullmatch(r"\d{1,4}(\.\d{1,3})?", value.strip(), re.ASCII):
        return float(value)
    raise ValueError("expected a number")


def _optional_money(value: object) -> float | None:
    return None if value is None else _money(value)


def _optional_duration(value: object) -> float | None:
    return None if value is None else parse_duration(value)


def _optional_size(value: object) -> int | None:
    return None if value is None else parse_size(value)


Duration: TypeAlias = Annotated[float, BeforeValidator(parse_duration), Expected(DURATION, "duration")]
Size: TypeAlias = Annotated[int, BeforeValidator(parse_size), Expected(SIZE, "size")]
OptionalDuration: TypeAlias = Annotated[
    float | None, BeforeValidator(_optional_duration), Expected(DURATION, "duration")
]
OptionalSize: TypeAlias = Annotated[int | None, BeforeValidator(_optional_size), Expected(SIZE, "size")]
MONEY = "an amount in US dollars such as 0.5 or 20"
Money: TypeAlias = Annotated[float, BeforeValidator(_money), Expected(MONEY, "money")]
OptionalMoney: TypeAlias = Annotated[float | None, BeforeValidator(_optional_money), Expected(MONEY, "money")]
Cpus: TypeAlias = Annotated[float, BeforeValidator(_cpus), Expected("a number of processors such as 0.5 or 4")]
Count: TypeAlias = Annotated[int, BeforeValidator(_count), Expected("a whole number")]
Flag: TypeAlias = Annotated[bool, BeforeValidator(_flag), Expected("true or false")]
Text: TypeAlias = Annotated[str, Expected("text in quotes")]
PathText: TypeAlias = Annotated[Path, BeforeValidator(_path), Expected("a path in quotes")]
Argument: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[^\x00]*\z")]
VariableName: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*\z")]
HOST_NAME = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9-]{1,63})*"
HostName: TypeAlias = Annotated[str, StringConstraints(pattern=rf"^{HOST_NAME}\z", max_length=253)]
# "@me:example.org" of Matrix, "slack:U123", "matrix.work:@me:example.org"
AccountName: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^(@[^\s:]+|[a-z][a-z0-9_.-]*):[^\s:]\S*\z", max_length=300)
]
AgentName: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}\z")]
