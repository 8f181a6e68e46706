"""What can be wrong with projects, in words that people read."""

from __future__ import annotations

from bot.errors import UserError


class NameInvalid(UserError):
    """`{name}` is no name for a project: a to z, 0 to 9 and -, starting with a letter, at most 39 characters{more}."""


class NameTaken(UserError):
    """There is a project `{name}` already. `project {name}` shows it; choose another name for a new one."""


class NoSuchProject(UserError):
    """There is no project `{name}`. `projects` lists them."""


class PortsExhausted(UserError):
    """All ports from {first} to {last} are taken by projects. `delete` one that is not needed any more."""


class UrlInvalid(UserError):
    """That git URL cannot be used: {reason}. Use https://host/path or ssh://user@host/path (also user@host:path)."""


class StackUnknown(UserError):
    """There is no stack `{name}`. There are: {known}."""


class PathRefused(UserError):
    """`{path}` cannot be the place of a project: {reason}."""


class IdentityMissing(UserError):
    """Commits need a name. Add to bot.toml: [projects] git_name = "Your Name" and git_email = "you@example.org"; or set it with `git config --global user.name` and `user.email` on the bot's machine."""  # noqa: E501


class CloneFailed(UserError):
    """git could not clone it: {reason}"""


class CredentialsNeeded(UserError):
    """{host} refused to show the repository without a login{hint}."""


class ProvisioningFailed(UserError):
    """at {step}: {reason}"""


class ImageFailed(UserError):
    """The image could not be built, at `{step}`: {reason}"""


class BaseMissing(UserError):
    """There is no base image: {reason}. `tugbot stacks base` on the bot's machine makes one from Debian's packages."""


class EngineUnreachable(UserError):
    """The Docker engine does not answer ({reason}). Start it on the bot's machine (`systemctl start docker`), then try again."""  # noqa: E501


class EngineRefused(UserError):
    """The Docker engine refused: {reason}"""


class SshSilent(UserError):
    """The container runs, but ssh did not answer as it should within {seconds:.0f} s: {reason}"""


class NotReady(UserError):
    """Project `{name}` is not ready: {reason}"""
