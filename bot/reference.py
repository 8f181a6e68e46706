"""The reference pages that are made from the code: `python -m bot.reference [--check]` (script/docs)."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from bot.quantities import show_duration, show_size
from bot.settings.complaints import expectation, field_names, field_of
from bot.settings.hooks import HookSettings
from bot.settings.kinds import Expected, Section
from bot.settings.model import AgentSettings, Settings
from bot.settings.sources import variable
from bot.settings.transports import MatrixAccountSettings

FOLDER = Path(__file__).parents[1] / "docs" / "reference"

_HEAD = """# Settings

<!-- Made by script/docs from bot/settings/model.py. Change it there. -->

Tugbot reads `./bot.toml` if there is one, or the file after `--config`; without a file the defaults below hold. The
file that ships, [bot.toml](../../bot.toml), lists every setting with its default.

Each setting can also come from the environment, where two underscores stand for the dot:
`TUGBOT_DISPATCHER__WINDOW=0.2` is `dispatcher.window`. Lists are written as JSON there:
`TUGBOT_AGENTS__MINE__COMMAND='["my-agent", "-q"]'`.
Command-line options win over the environment, the environment over the file.

A key that does not exist, or a value that does not fit, stops the start with one message that names the place and what
was expected. Nothing is guessed.

- Durations: `1.5` (seconds), `"1.5s"`, `"250ms"`, `"15m"`, `"1h30m"`.
- Sizes: `100000` (bytes), `"100kB"` (1000 bytes each), `"64KiB"` (1024 bytes each), `"1MB"`.
"""


def settings_page() -> str:
    """docs/reference/settings.md, as it must be."""
    return "\n".join([_HEAD, *_general(), *_sections(), *_accounts(), *_hooks(), *_agents()])


def _general() -> Iterator[str]:
    yield "## General\n"
    for name in field_names(Settings):
        info = _field(Settings, name)
        if not _is_table(info) and name not in ("agents", "hooks"):
            yield _entry((name,), info)


def _sections(above: type[BaseModel] = Settings, path: tuple[str, ...] = ()) -> Iterator[str]:
    for name in field_names(above):
        model = _field(above, name).annotation
        if isinstance(model, type) and issubclass(model, Section):
            keys = (*path, name)
            if own := [key for key in field_names(model) if not _is_table(_field(model, key)) and key != "accounts"]:
                yield f"## [{'.'.join(keys)}]\n\n{model.__doc__}\n"
                yield from (_entry((*keys, key), _field(model, key)) for key in own)
            yield from _sections(model, keys)


def _accounts() -> Iterator[str]:
    path = ("transports", "matrix", "accounts", "<name>")
    yield f"## [{'.'.join(path).replace('<name>', '&lt;name&gt;')}]\n\n{MatrixAccountSettings.__doc__}\n"
    yield from (_entry((*path, key), _field(MatrixAccountSettings, key)) for key in field_names(MatrixAccountSettings))


def _hooks() -> Iterator[str]:
    yield f"## [hooks.&lt;name&gt;]\n\n{HookSettings.__doc__}\n"
    yield from (_entry(("hooks", "<name>", key), _field(HookSettings, key)) for key in field_names(HookSettings))


def _agents() -> Iterator[str]:
    yield f"## [agents.&lt;name&gt;]\n\n{AgentSettings.__doc__} A name has a to z, 0 to 9, `-` and `_`.\n"
    yield from (_entry(("agents", "<name>", key), _field(AgentSettings, key)) for key in field_names(AgentSettings))


def _field(model: type[BaseModel], name: str) -> FieldInfo:
    info = field_of(model, name)
    assert info is not None
    return info


def _is_table(info: FieldInfo) -> bool:
    return isinstance(info.annotation, type) and issubclass(info.annotation, Section)


def _entry(keys: tuple[str, ...], info: FieldInfo) -> str:
    return (
        f"### `{'.'.join(keys)}`\n\n{info.description}\n\n"
        f"- Takes {expectation(info)}.\n- Default: {_default(info)}\n- Environment: `{variable(keys)}`\n"
    )


def _default(info: FieldInfo) -> str:
    if info.default is PydanticUndefined:
        return "none, it must be given"
    if info.default is None:
        return "not set"
    return f"`{_written(info.default, info)}`"


def _written(value: object, info: FieldInfo) -> str:
    """As it stands in TOML."""
    kind = next((part.kind for part in info.metadata if isinstance(part, Expected)), "other")
    if kind == "duration" and isinstance(value, float):
        return f'"{show_duration(value)}"'
    if kind == "size" and isinstance(value, int):
        return f'"{show_size(value)}"'
    if isinstance(value, str | Path):
        return f'"{value}"'
    if isinstance(value, Section):
        return "{ " + ", ".join(f'{name} = "{each}"' for name, each in value) + " }"
    if isinstance(value, tuple):
        return json.dumps([str(each) for each in value])
    return str(value).lower()


def pages() -> Mapping[Path, str]:
    """File → what it must hold."""
    from bot.commands import document
    from bot.gateway.api import page

    return {
        FOLDER / "settings.md": settings_page(),
        FOLDER / "commands.md": document(),
        FOLDER / "api.md": page.text(),
    }


def main(arguments: list[str]) -> int:
    """Write the pages, or with --check only name those that are stale. Exit code 1 if any is."""
    stale = [path for path, text in pages().items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        print(f"{path.relative_to(FOLDER.parents[1])} {'is stale' if '--check' in arguments else 'written'}")
        if "--check" not in arguments:
            path.write_text(pages()[path], encoding="utf-8")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
