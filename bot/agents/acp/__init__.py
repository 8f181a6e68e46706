"""Agents that speak the Agent Client Protocol over stdio."""

from bot.agents.acp.agent import AcpAgent

__all__ = ["AcpAgent"]
