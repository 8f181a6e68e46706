"""Which chat networks this start talks to, beside the console. Their libraries are loaded only where they are used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.errors import UserError
from bot.secrets import Secrets
from bot.settings import Settings
from transports.base import Keepsakes, Transport

MATRIX = "matrix"  # the transport's name; a further account's is "matrix.<account>"
MATRIX_TOKEN = "TUGBOT_MATRIX_TOKEN"  # a variable's name, not a value; "_<ACCOUNT>" behind it for a further account
TOKEN = "ACCESS_TOKEN"  # names in the account's scope of secrets
DEVICE = "DEVICE_ID"


class TokenMissing(UserError):
    """There is no access token for {user}: run `tugbot init matrix{option}`, or set {variable}."""


class TransportUnknown(UserError):
    """There is no transport {name} that is set up. There are: {names}. `tugbot init matrix` sets one up."""


class EncryptionMissing(UserError):
    """`transports.matrix.e2ee` is on, but its library is not installed: `pip install "tugbot[e2e]"`."""


class EncryptionAlone(UserError):
    """`transports.matrix.e2ee` works with one account: the library for it keeps the keys of one only. Remove the further accounts, or give each a bot of its own."""  # noqa: E501


@dataclass(frozen=True, slots=True)
class MatrixAccount:
    """One account that is set up."""

    transport: str
    homeserver: str
    user: str

    @property
    def short(self) -> str:
        """ "" for the first account."""
        return self.transport.partition(".")[2]


def matrix_accounts(settings: Settings) -> Mapping[str, MatrixAccount]:
    """By the transport's name."""
    own = settings.transports.matrix
    found = [MatrixAccount(MATRIX, own.homeserver, own.user)] if own.homeserver else []
    found += [MatrixAccount(f"{MATRIX}.{name}", each.homeserver, each.user) for name, each in own.accounts.items()]
    return {account.transport: account for account in found}


def check(settings: Settings, wanted: tuple[str, ...], data: Path, environ: Mapping[str, str]) -> None:
    """Before anything is begun. Raises TransportUnknown, TokenMissing, EncryptionMissing, EncryptionAlone."""
    accounts = matrix_accounts(settings)
    known = ("console", *accounts)
    for name in wanted:
        if name not in known:
            raise TransportUnknown(name=name, names=", ".join(known))
    chosen = [account for name, account in accounts.items() if name in (wanted or known)]
    for account in chosen:
        matrix_token(account, data, environ)
    if chosen and settings.transports.matrix.e2ee:
        _check_encryption(len(chosen))


def _check_encryption(accounts: int) -> None:
    from transports.matrix.client import can_encrypt

    if not can_encrypt():
        raise EncryptionMissing
    if accounts > 1:
        raise EncryptionAlone


def scope(account: str) -> str:
    """Of the secrets of an account ("": the first)."""
    return f"{MATRIX}-{account}" if account else MATRIX


def matrix_token(account: MatrixAccount, data: Path, environ: Mapping[str, str]) -> tuple[str, str]:
    """Access token, and device id where it is known. Raises TokenMissing."""
    variable = f"{MATRIX_TOKEN}_{account.short.upper().replace('-', '_')}" if account.short else MATRIX_TOKEN
    if token := environ.get(variable, "").strip():
        return token, ""
    stored = Secrets(data).read(scope(account.short))
    if not stored.get(TOKEN):
        option = f" --account {account.short}" if account.short else ""
        raise TokenMissing(user=account.user, option=option, variable=variable)
    return stored[TOKEN], stored.get(DEVICE, "")


def matrix(
    settings: Settings, account: MatrixAccount, data: Path, environ: Mapping[str, str], keepsakes: Keepsakes
) -> Transport:
    """What `check` has let pass."""
    from transports.matrix.client import NioHomeserver
    from transports.matrix.model import Account, Policy
    from transports.matrix.transport import MatrixTransport

    own, name = settings.transports.matrix, account.transport
    token, device = matrix_token(account, data, environ)
    policy = Policy(e2ee=own.e2ee, trust_unverified=own.unverified_devices == "trust", max_file=own.max_file)
    server = NioHomeserver(
        Account(account.homeserver.rstrip("/"), account.user, token, device), policy, data / "matrix"
    )
    return MatrixTransport(server, keepsakes, data / "files" / name, policy, name=name)
