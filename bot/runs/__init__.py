"""Runs: an agent's turn from claimed batch to recorded outcome, and what is alive right now."""
