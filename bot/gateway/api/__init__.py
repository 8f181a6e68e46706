"""API v1: one table of routes, from which the application and its OpenAPI document are both made."""

from bot.gateway.api.model import Backstage
from bot.gateway.api.serving import mount

__all__ = ["Backstage", "mount"]
