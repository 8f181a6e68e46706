"""What can be wrong with granting and revoking, in words that people read."""

from __future__ import annotations

from bot.errors import UserError


class PersonAmbiguous(UserError):
    """`{user}` may be several people: say {accounts}."""


class PersonUnknown(UserError):
    """Nobody is known as `{user}`. Use the code that they were given, or name the network as well, as in `slack:U123`; on Matrix it is `@name:server`. Set up: {networks}."""  # noqa: E501


class CodeUnknown(UserError):
    """No code `{code}` counts now. Codes live for an hour; whoever writes to me again is given a new one."""


class OwnerBySettings(UserError):
    """`{account}` is an owner by the settings, which no chat can change: take it out of `[access] allow` and start me again."""  # noqa: E501


class NotAMember(UserError):
    """`{account}` has no role here that could be taken away. `members` lists who has one."""


class NotWritten(UserError):
    """`{account}` is shut out from this moment on, but that could not be written down ({reason}). Say it again, or a restart lets them in."""  # noqa: E501
