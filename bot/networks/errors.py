"""Why a chat network cannot be had, told before anything is begun."""

from __future__ import annotations

from bot.errors import UserError


class TokenMissing(UserError):
    """There is no {what} for {whom}: run `tugbot init {network}{option}`, or set {variable}."""


class TokenMisplaced(UserError):
    """{where} cannot be used: {reason}. Correct it, or run `tugbot init slack`."""


class TransportUnknown(UserError):
    """There is no transport {name} that is set up. There are: {names}. `tugbot init matrix` and `tugbot init slack` set one up."""  # noqa: E501


class EncryptionMissing(UserError):
    """`transports.matrix.e2ee` is on, but its library is not installed: `pip install "tugbot[e2e]"`."""


class EncryptionAlone(UserError):
    """`transports.matrix.e2ee` works with one account: the library for it keeps the keys of one only. Remove the further accounts, or give each a bot of its own."""  # noqa: E501


class ApiRefused(UserError):
    """{variable} must be an https address, or one of this machine: the tokens are sent there. It is for tests; remove it."""  # noqa: E501
