"""Coding agents as subprocesses: backends know how to talk to them, launchers how to contain them."""
