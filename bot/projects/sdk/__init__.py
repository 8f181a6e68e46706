"""The Docker SDK: its only importer. Everything here blocks, and is called on threads by bot.projects.engine."""
