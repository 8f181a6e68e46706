"""Which Host headers are answered, and which address we give of ourselves. Pure.

A page on another site can point a name of its own at 127.0.0.1 and have the visitor's browser talk to us as to itself
(DNS rebinding). The one thing it cannot change is that name, which the browser sends.
"""

from __future__ import annotations

import ipaddress
import re

from bot.gateway.model import Address

_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(:\d{1,5})?")


def is_ours(header: str, public_host: str = "") -> bool:
    """Whether a Host header names this machine as it sees itself, or the name that we are known by."""
    match = _HOST.fullmatch(header)
    if match is None:
        return False
    name = match["name"].lower().removesuffix(".")
    known = {"localhost", public_host.lower()} - {""}
    return name in known or _is_loopback(name.strip("[]"))


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def login(address: Address, port: int, secret: str) -> str:
    """The link that logs in. What stands behind the # stays in the browser: in no log, and in no Referer."""
    return f"{_home(address, port)}/login#{secret}"


def _home(address: Address, port: int) -> str:
    if address.public_host:
        return f"https://{address.public_host}"
    listen = ipaddress.ip_address(address.listen)
    if not listen.is_loopback:  # reached by a proxy without a name; then from this machine alone
        listen = ipaddress.ip_address("::1" if listen.version == 6 else "127.0.0.1")
    host = f"[{listen}]" if listen.version == 6 else str(listen)
    return f"http://{host}:{port}"
