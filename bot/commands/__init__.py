"""Chat commands: declared once, parsed purely, explained from their declaration."""
