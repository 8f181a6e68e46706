"""Finding, reading and checking the settings."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError
from pydantic_settings import InitSettingsSource

from bot.settings.complaints import Origin, complaint
from bot.settings.errors import AgentUnknown
from bot.settings.model import Settings
from bot.settings.sources import TomlFile, read_environment, read_toml

DEFAULT_FILE = Path("bot.toml")
_OPTIONS = {"data_dir": "--data", "default_agent": "--agent"}


def config_file(config: Path | None) -> Path | None:
    """The settings file that is used: the one named, else ./bot.toml if there is one, else None for the defaults."""
    if config is not None:
        return config
    return DEFAULT_FILE if DEFAULT_FILE.exists() else None


def load(
    config: Path | None,
    environ: Mapping[str, str],
    *,
    overrides: Mapping[str, object] | None = None,
) -> Settings:
    """Read and check everything. `overrides` (from the command line) win over `environ`, which wins over the file.

    Raises ConfigMissing, ConfigUnreadable, ConfigBroken, SettingUnknown, SettingInvalid, AgentUnknown: all UserErrors.
    """
    path = config_file(config)
    file = read_toml(path) if path is not None else None
    given = dict(overrides or {})
    origin = Origin(file, environ, {(key,): _OPTIONS.get(key, key) for key in given})
    settings = _build(file, environ, given, origin)
    _check_default_agent(settings, origin)
    return settings.model_copy(update={"data_dir": settings.data_dir.absolute()})


def _build(file: TomlFile | None, environ: Mapping[str, str], given: dict[str, object], origin: Origin) -> Settings:
    trees = (given, read_environment(environ), file.tree if file else {})
    sources = tuple(InitSettingsSource(Settings, init_kwargs=dict(tree)) for tree in trees)
    try:
        # known to BaseSettings.__init__, but not to the signature that type checkers derive from the fields
        return Settings(_build_sources=(sources, {}))  # type: ignore[call-arg]
    except ValidationError as exc:
        # "from None": pydantic's own text repeats values, and may hold a secret
        raise complaint(exc, Settings, origin) from None


def _check_default_agent(settings: Settings, origin: Origin) -> None:
    names = ("auto", *settings.agent_names())
    agent = settings.default_agent
    if agent in names:
        return
    close = difflib.get_close_matches(agent, names, n=1)
    hint = f"Did you mean {close[0]}?" if close else f"Known: {', '.join(names)}. Others need a table [agents.<name>]."
    raise AgentUnknown(place=origin.place(("default_agent",)), agent=agent, hint=hint)
