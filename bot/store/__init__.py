"""What was received, what ran, what was said: SQLModel tables behind one writer."""
