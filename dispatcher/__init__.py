"""Per-session dispatch of chat messages: debounce, serial lock, admission, stop. Standard library only."""
