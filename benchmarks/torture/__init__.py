"""The bot killed over and over while ten conversations go on; judged from outside."""
