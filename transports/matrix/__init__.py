"""Matrix: rooms, DMs and threads over the client-server API."""
