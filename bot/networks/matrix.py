"""Accounts in Matrix: which are set up, their tokens, their transports."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.networks.errors import EncryptionAlone, EncryptionMissing, TokenMissing
from bot.secrets import Secrets
from bot.settings import Settings
from transports.base import Keepsakes, Transport

MATRIX = "matrix"  # the transport's name; a further account's is "matrix.<account>"
VARIABLE = "TUGBOT_MATRIX_TOKEN"  # "_<ACCOUNT>" behind it for a further account
TOKEN = "ACCESS_TOKEN"  # names in the account's scope of secrets
DEVICE = "DEVICE_ID"


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


def accounts(settings: Settings) -> Mapping[str, MatrixAccount]:
    """By the transport's name."""
    own = settings.transports.matrix
    found = [MatrixAccount(MATRIX, own.homeserver, own.user)] if own.homeserver else []
    found += [MatrixAccount(f"{MATRIX}.{name}", each.homeserver, each.user) for name, each in own.accounts.items()]
    return {account.transport: account for account in found}


def check(settings: Settings, wanted: Collection[MatrixAccount], data: Path, environ: Mapping[str, str]) -> None:
    """Raises TokenMissing, EncryptionMissing, EncryptionAlone."""
    for account in wanted:
        token(account, data, environ)
    if wanted and settings.transports.matrix.e2ee:
        _check_encryption(len(wanted))


def _check_encryption(accounts: int) -> None:
    from transports.matrix.client import can_encrypt

    if not can_encrypt():
        raise EncryptionMissing
    if accounts > 1:
        raise EncryptionAlone


def scope(account: str) -> str:
    """Of the secrets of an account ("": the first)."""
    return f"{MATRIX}-{account}" if account else MATRIX


def token(account: MatrixAccount, data: Path, environ: Mapping[str, str]) -> tuple[str, str]:
    """Access token, and device id where it is known. Raises TokenMissing."""
    variable = f"{VARIABLE}_{account.short.upper().replace('-', '_')}" if account.short else VARIABLE
    if given := environ.get(variable, "").strip():
        return given, ""
    stored = Secrets(data).read(scope(account.short))
    if not stored.get(TOKEN):
        option = f" --account {account.short}" if account.short else ""
        raise TokenMissing(what="access token", whom=account.user, network=MATRIX, option=option, variable=variable)
    return stored[TOKEN], stored.get(DEVICE, "")


def build(
    settings: Settings, account: MatrixAccount, data: Path, environ: Mapping[str, str], keepsakes: Keepsakes
) -> Transport:
    """What `check` has let pass."""
    from transports.matrix.client import NioHomeserver
    from transports.matrix.model import Account, Policy
    from transports.matrix.transport import MatrixTransport

    own, name = settings.transports.matrix, account.transport
    access, device = token(account, data, environ)
    policy = Policy(e2ee=own.e2ee, trust_unverified=own.unverified_devices == "trust", max_file=own.max_file)
    server = NioHomeserver(
        Account(account.homeserver.rstrip("/"), account.user, access, device), policy, data / "matrix"
    )
    return MatrixTransport(server, keepsakes, data / "files" / name, policy, name=name)
