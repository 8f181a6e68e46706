"""What chats are shown: answers as they grow, and what must arrive whatever happens."""
