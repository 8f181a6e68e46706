"""bot.toml and TUGBOT_ variables, checked. For the composition root and the command line alone."""

from bot.settings.model import (
    AgentSettings,
    ConsoleSettings,
    DispatcherSettings,
    LogSettings,
    RepliesSettings,
    RunsSettings,
    Settings,
)
from bot.settings.reading import config_file, load

__all__ = [
    "AgentSettings",
    "ConsoleSettings",
    "DispatcherSettings",
    "LogSettings",
    "RepliesSettings",
    "RunsSettings",
    "Settings",
    "config_file",
    "load",
]
