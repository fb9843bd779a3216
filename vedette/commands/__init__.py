"""The small commands, and what all commands have in common."""
