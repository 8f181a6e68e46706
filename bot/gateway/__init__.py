"""The HTTP side of the bot: one application, on the loopback interface unless a proxy is declared."""
