"""Claude Code over its stream-json protocol: facts/agents.md §2 lists what was met with the real program."""

from bot.agents.claude.agent import ClaudeAgent

__all__ = ["ClaudeAgent"]
