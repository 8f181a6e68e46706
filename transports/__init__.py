"""Adapters to chat networks. They know their own SDK and nothing of the bot."""
