"""What pydantic found wrong, as one sentence about one setting: place, key, what was expected, the nearest name."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from bot.errors import UserError
from bot.quantities import show_duration
from bot.settings.errors import SettingInvalid, SettingUnknown
from bot.settings.kinds import Expected, Private
from bot.settings.sources import TomlFile, line_of, variable, variable_of

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

SHOWN = 40  # characters of a wrong value that a message repeats


@dataclass(frozen=True, slots=True)
class Origin:
    """What the settings were read from."""

    file: TomlFile | None
    environ: Mapping[str, str]
    options: Mapping[tuple[str, ...], str]  # key → command-line option that set it

    def place(self, keys: Sequence[str]) -> str:
        if option := self.options.get(tuple(keys[:1])):
            return f"option {option}"
        if name := variable_of(keys, self.environ):
            return f"environment variable {name}"
        line = line_of(keys, self.file.text) if self.file else None
        if self.file and line:
            return f"{self.file.name}, line {line}"
        return self._table(keys)

    def _table(self, keys: Sequence[str]) -> str:
        """Where the table is begun that lacks a key."""
        begun = variable(keys[:-1]) + "__"
        name = next((name for name in sorted(self.environ) if name.upper().startswith(begun)), None)
        return f"environment variable {name}" if name else self.file.name if self.file else "settings"


def complaint(error: ValidationError, model: type[BaseModel], origin: Origin) -> UserError:
    """The first thing wrong; how many more there are is only counted, so that the message stays one."""
    details = error.errors(include_url=False)
    unknown = [detail for detail in details if _unknown(detail)]  # a misspelt name explains other errors
    first = (unknown or details)[0]
    others = len(details) - 1
    more = f" ({others} more to correct after this.)" if others else ""
    return _unknown_name(first, model, origin, more) if unknown else _wrong_value(first, model, origin, more)


def _unknown(detail: ErrorDetails) -> bool:
    return detail["type"] == "extra_forbidden"


def _unknown_name(detail: ErrorDetails, model: type[BaseModel], origin: Origin, more: str) -> SettingUnknown:
    keys = _keys(detail)
    from_environment = bool(variable_of(keys, origin.environ))
    return SettingUnknown(
        place=origin.place(keys),
        key=".".join(keys),
        hint=nearest(keys, model, as_variable=from_environment),
        more=more,
    )


def nearest(keys: Sequence[str], model: type[BaseModel], *, as_variable: bool) -> str:
    """A sentence that names the valid setting most like `keys`, or lists those of the same table."""
    write = variable if as_variable else ".".join
    table = _table(keys[:-1], model)
    siblings = [*keys[:-1]], sorted(field_names(table)) if table else []
    close = difflib.get_close_matches(keys[-1], siblings[1], n=1)
    if close:
        return f"Did you mean {write((*siblings[0], close[0]))}?"
    elsewhere = [path for path in all_keys(model) if path[-1] == keys[-1]] or _alike(keys, model)
    if elsewhere:
        return f"Did you mean {write(elsewhere[0])}?"
    return f"Known here: {', '.join(siblings[1])}."


def _alike(keys: Sequence[str], model: type[BaseModel]) -> list[tuple[str, ...]]:
    known = {".".join(path): path for path in all_keys(model)}
    return [known[name] for name in difflib.get_close_matches(".".join(keys), known, n=1, cutoff=0.75)]


def field_names(model: type[BaseModel]) -> list[str]:
    """Names as they are written in the file."""
    return [info.alias or name for name, info in model.model_fields.items()]


def field_of(model: type[BaseModel], name: str) -> FieldInfo | None:
    return next((info for key, info in model.model_fields.items() if (info.alias or key) == name), None)


def all_keys(model: type[BaseModel]) -> list[tuple[str, ...]]:
    """Every key of the fixed tables, such as ("dispatcher", "window")."""
    keys: list[tuple[str, ...]] = []
    for name in field_names(model):
        inner = _inner(field_of(model, name))
        keys += [(name, *rest) for rest in all_keys(inner)] if inner else [(name,)]
    return keys


def _inner(info: FieldInfo | None) -> type[BaseModel] | None:
    kind = info.annotation if info else None
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _table(keys: Sequence[str], model: type[BaseModel]) -> type[BaseModel] | None:
    """The model of a table; that of [agents.<name>] for any name."""
    found: type[BaseModel] | None = model
    named: type[BaseModel] | None = None  # what the next key, a name that a person chose, stands for
    for key in keys:
        if named is not None:
            found, named = named, None
            continue
        info = field_of(found, key) if found else None
        found = _inner(info)
        if info is not None and found is None:
            named = cast("type[BaseModel] | None", _values_of(info))
    return named or found


def _values_of(info: FieldInfo) -> object:
    arguments = get_args(info.annotation)
    return arguments[1] if get_origin(info.annotation) is dict else None


def _wrong_value(detail: ErrorDetails, model: type[BaseModel], origin: Origin, more: str) -> SettingInvalid:
    keys = _keys(detail)
    info = _field(keys, model)
    return SettingInvalid(
        place=origin.place(keys), key=".".join(keys) or "settings", problem=_problem(detail, info), more=more
    )


def _keys(detail: ErrorDetails) -> tuple[str, ...]:
    # positions in lists, and pydantic's own steps such as "[key]", are not names that a person wrote
    return tuple(str(part) for part in detail["loc"] if isinstance(part, str) and part != "[key]")


def _field(keys: Sequence[str], model: type[BaseModel]) -> FieldInfo | None:
    table = _table(keys[:-1], model)
    return field_of(table, keys[-1]) if keys and table else None


def _problem(detail: ErrorDetails, info: FieldInfo | None) -> str:
    if "[key]" in detail["loc"]:
        what = "a hook" if _keys(detail)[:1] == ("hooks",) else "an agent"
        return f"is not a name for {what}: use a to z, 0 to 9, - and _, starting with a letter"
    if detail["type"] == "missing":
        return f"is missing: write {expectation(info)}"
    if info is None or _inner(info) or _values_of(info):
        return _table_problem(detail)
    return f"must be {expectation(info)}{_shown(detail, info)}"


def _table_problem(detail: ErrorDetails) -> str:
    if detail["type"] == "value_error":
        return detail["msg"].removeprefix("Value error, ")
    return "must be a table of settings"


def _shown(detail: ErrorDetails, info: FieldInfo) -> str:
    value = detail["input"]
    private = any(isinstance(part, Private) for part in info.metadata)
    if private or not isinstance(value, str | int | float) or len(text := repr(value)) > SHOWN:
        return ""
    return f", not {'true' if value is True else 'false' if value is False else text}"


def expectation(info: FieldInfo | None) -> str:
    """What a setting takes, bounds included: "a whole number, at least 1"."""
    expected = next((part for part in info.metadata if isinstance(part, Expected)), None) if info else None
    if info is None or expected is None:
        return "something else"
    return expected.words + "".join(_bound(part, expected) for part in info.metadata)


def _bound(part: object, expected: Expected) -> str:
    for name, words in (("ge", "at least"), ("le", "at most")):
        bound = getattr(part, name, None)
        if bound is not None:
            return f", {words} {show_duration(bound) if expected.kind == 'duration' and bound else bound}"
    return ""
