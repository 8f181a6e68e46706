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


class TokenNameInvalid(UserError):
    """That is not a name for a token: use a to z, 0 to 9, `.`, `-` and `_`, at most 40 characters, for example `ci`."""


class TokenExists(UserError):
    """There is a token {name} already. Choose another name, or run `tugbot token revoke {name}` first."""


class TokenMissing(UserError):
    """There is no token of that name. `tugbot token list` shows those there are."""


class TokensUnwritable(UserError):
    """The tokens could not be written: {reason}. Nothing was changed."""


class StillOnDisk(UserError):
    """`{account}` is shut out from this moment on, but their logins could not be taken off the disk ({reason}). Should they be given a role again, browsers where they were logged in still are."""  # noqa: E501
