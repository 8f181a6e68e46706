"""What stops a start because of a setting."""

from __future__ import annotations

from bot.errors import UserError


class ConfigMissing(UserError):
    """There is no settings file at {file}. Correct the path after --config, or leave --config out to use ./bot.toml or the defaults."""  # noqa: E501


class ConfigUnreadable(UserError):
    """{file} cannot be read: {reason}."""


class ConfigBroken(UserError):
    """{file}, line {line}, column {column}: this is not valid TOML: {reason}."""


class SettingUnknown(UserError):
    """{place}: there is no setting {key}. {hint}{more}"""


class SettingInvalid(UserError):
    """{place}: {key} {problem}.{more}"""


class AgentUnknown(UserError):
    """{place}: there is no agent {agent}. {hint}"""
