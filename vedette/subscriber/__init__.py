"""Receive events in a program of your own: `vedette.subscribe`."""
