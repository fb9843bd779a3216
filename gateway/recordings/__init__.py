"""Recordings through the whole system: `vedette analyze`."""
