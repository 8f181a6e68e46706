"""Which chat networks this start talks to, beside the console. Their libraries are loaded only where they are used."""

from bot.networks.table import WEB, build, called, check, hosting, names, watched

__all__ = ["WEB", "build", "called", "check", "hosting", "names", "watched"]
