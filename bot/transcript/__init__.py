"""What chats were shown of us: kept where it happens, for the page, which has no network of its own to keep it."""
