"""The console: a person at a terminal (`interactive`), a pipe (`piped`), or a program (`jsonl`).

Import the variant's module itself: only `interactive` loads prompt_toolkit and rich, and only when it runs.
"""
