"""Slack: one app in one workspace, over Socket Mode or signed HTTP."""
