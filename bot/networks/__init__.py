"""Which chat networks this start talks to, beside the console. Their libraries are loaded only where they are used."""

from bot.networks.table import build, called, check, hosting, names

__all__ = ["build", "called", "check", "hosting", "names"]
