"""Which chat networks this start talks to, beside the console. Their libraries are loaded only where they are used."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bot.errors import UserError
from bot.secrets import Secrets
from bot.settings import Settings
from transports.base import Keepsakes, Transport

MATRIX = "matrix"
MATRIX_TOKEN = "TUGBOT_MATRIX_TOKEN"  # a variable's name, not a value
TOKEN = "ACCESS_TOKEN"  # names in the scope of secrets that is called like the transport
DEVICE = "DEVICE_ID"


class TokenMissing(UserError):
    """There is no access token for {user}: run `tugbot init matrix`, or set {variable}."""


class NotSetUp(UserError):
    """Matrix is not set up: run `tugbot init matrix`."""


class EncryptionMissing(UserError):
    """`transports.matrix.e2ee` is on, but its library is not installed: `pip install "tugbot[e2e]"`."""


def names(settings: Settings) -> tuple[str, ...]:
    """Transports that are set up."""
    return (MATRIX,) if settings.transports.matrix.homeserver else ()


def check(settings: Settings, wanted: tuple[str, ...], data: Path, environ: Mapping[str, str]) -> None:
    """Before anything is begun. Raises NotSetUp, TokenMissing, EncryptionMissing."""
    if MATRIX not in (wanted or names(settings)):
        return
    from transports.matrix.client import can_encrypt

    if not settings.transports.matrix.homeserver:
        raise NotSetUp
    if settings.transports.matrix.e2ee and not can_encrypt():
        raise EncryptionMissing
    matrix_token(settings, data, environ)


def matrix_token(settings: Settings, data: Path, environ: Mapping[str, str]) -> tuple[str, str]:
    """Access token, and device id where it is known. Raises TokenMissing."""
    if token := environ.get(MATRIX_TOKEN, "").strip():
        return token, ""
    stored = Secrets(data).read(MATRIX)
    if not stored.get(TOKEN):
        raise TokenMissing(user=settings.transports.matrix.user, variable=MATRIX_TOKEN)
    return stored[TOKEN], stored.get(DEVICE, "")


def matrix(settings: Settings, data: Path, environ: Mapping[str, str], keepsakes: Keepsakes) -> Transport:
    """What `check` has let pass."""
    from transports.matrix.client import NioHomeserver
    from transports.matrix.model import Account, Policy
    from transports.matrix.transport import MatrixTransport

    own = settings.transports.matrix
    token, device = matrix_token(settings, data, environ)
    policy = Policy(e2ee=own.e2ee, trust_unverified=own.unverified_devices == "trust", max_file=own.max_file)
    account = Account(own.homeserver.rstrip("/"), own.user, token, device)
    server = NioHomeserver(account, policy, data / "matrix")
    return MatrixTransport(server, keepsakes, data / "files" / MATRIX, policy, name=MATRIX)
