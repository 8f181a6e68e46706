"""The gateway's port, claimed before anything is begun. Needs no HTTP library."""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Sequence

from bot.gateway.errors import AddressRefused, Exposed, GatewayOff, PortTaken
from bot.gateway.model import Address, Enabled

BACKLOG = 128


def wanted(enabled: Enabled, needed_by: Sequence[str], *, watched: bool) -> bool:
    """Whether this start has a gateway. Raises GatewayOff.

    `needed_by`: transports that are called over HTTP; `watched`: somebody may want to look at the page.
    """
    if enabled == "off" and needed_by:
        raise GatewayOff(transports=", ".join(needed_by))
    return enabled == "on" or bool(needed_by) or (enabled == "auto" and watched)


def is_spare(enabled: Enabled, needed_by: Sequence[str]) -> bool:
    """Whether a start does without a gateway where its port cannot be had: nobody asked for it by name."""
    return enabled == "auto" and not needed_by


def claim(address: Address) -> socket.socket:
    """A socket that listens already: who connects waits until the bot is ready.

    Raises Exposed, PortTaken, AddressRefused. A bot whose page or whose network cannot reach it would look alive and
    be deaf, so its start ends here.
    """
    if not is_loopback(address.listen) and not address.behind_proxy:
        raise Exposed(listen=address.listen)
    try:
        return _listening(address)
    except OSError as exc:
        if exc.errno == errno.EADDRINUSE:
            raise PortTaken(port=address.port, listen=address.listen) from exc
        reason = exc.strerror or str(exc)
        raise AddressRefused(listen=address.listen, port=address.port, reason=reason) from exc


def is_loopback(listen: str) -> bool:
    return ipaddress.ip_address(listen).is_loopback


def _listening(address: Address) -> socket.socket:
    flags = socket.AI_NUMERICHOST | socket.AI_PASSIVE
    family, kind, protocol, _, place = socket.getaddrinfo(
        address.listen, address.port, type=socket.SOCK_STREAM, flags=flags
    )[0]
    claimed = socket.socket(family, kind, protocol)
    try:
        # Else a port could not be had for a minute after a crash, because of connections that are long over.
        claimed.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            claimed.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # "::" is not 0.0.0.0 as well
        claimed.bind(place)
        claimed.listen(BACKLOG)
        claimed.setblocking(False)
    except BaseException:
        claimed.close()
        raise
    return claimed
