"""Signing in, once: a homeserver's address, an access token and a device from what a person knows."""

from __future__ import annotations

from urllib.parse import urlsplit

import nio

from transports.base import Disconnected, PermanentFailure, TemporaryFailure
from transports.matrix.answers import asked
from transports.matrix.model import Account

DEVICE_NAME = "Tugbot"


async def discover(server: str) -> str:
    """The base URL of the client API behind a URL or a server's name ("example.org"), as its .well-known says.

    Raises TemporaryFailure, PermanentFailure: nothing answers there as a homeserver does.
    """
    url = server if "://" in server else f"https://{server}"
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise PermanentFailure(f"{server} is neither a URL nor a server's name")
    base = url.rstrip("/")
    if "://" not in server:
        base = await _well_known(base) or base
    client = _client(base, "")
    try:
        await asked(client.login_info(), nio.LoginInfoResponse)
    finally:
        await client.close()
    return base


async def sign_in(homeserver: str, user: str, password: str) -> Account:
    """With a password. `user`: "@name:server", or the name alone. Raises PermanentFailure where it is refused."""
    client = _client(homeserver, user)
    try:
        said = await asked(client.login(password, device_name=DEVICE_NAME), nio.LoginResponse)
    except Disconnected as exc:
        raise PermanentFailure(str(exc)) from exc
    finally:
        await client.close()
    return Account(homeserver, said.user_id, said.access_token, said.device_id)


async def verify(homeserver: str, token: str) -> Account:
    """Whose token it is. Raises PermanentFailure where it is nobody's."""
    client = _client(homeserver, "")
    client.access_token = token
    try:
        said = await asked(client.whoami(), nio.WhoamiResponse)
    except Disconnected as exc:
        raise PermanentFailure("the homeserver does not take this access token") from exc
    finally:
        await client.close()
    return Account(homeserver, said.user_id, token, said.device_id or "")


async def _well_known(base: str) -> str:
    client = _client(base, "")
    try:
        said = await asked(client.discovery_info(), nio.DiscoveryInfoResponse)
    except (PermanentFailure, TemporaryFailure):
        return ""  # most servers that have none are their own homeserver
    finally:
        await client.close()
    return str(said.homeserver_url).rstrip("/")


def _client(homeserver: str, user: str) -> nio.AsyncClient:
    config = nio.AsyncClientConfig(
        encryption_enabled=False, store_sync_tokens=False, max_limit_exceeded=0, max_timeouts=0
    )
    return nio.AsyncClient(homeserver, user, config=config)
