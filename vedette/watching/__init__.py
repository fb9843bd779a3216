"""Detections and events for people at a terminal: `vedette watch`, and the live view of `vedette up`."""
