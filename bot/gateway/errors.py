"""Why the gateway cannot be had, in words that people read."""

from __future__ import annotations

from bot.errors import UserError


class GatewayOff(UserError):
    """{transports} is called over HTTP, but `gateway.enabled` is "off". Set it to "auto", or do without that transport or its mode."""  # noqa: E501


class Exposed(UserError):
    """`gateway.listen` is {listen}, where others can reach it, and nothing would be encrypted. Listen on 127.0.0.1 and let a proxy with TLS lead there. If that proxy is on another machine, or in a container, declare it: `gateway.behind_proxy = true`."""  # noqa: E501


class PortTaken(UserError):
    """Port {port} on {listen} is in use by another program, so the gateway cannot be had. End that program, or choose another port: `gateway.port`, or TUGBOT_GATEWAY__PORT in the environment."""  # noqa: E501


class AddressRefused(UserError):
    """The gateway cannot listen on {listen}, port {port}: {reason}. Correct `gateway.listen` or `gateway.port`."""
