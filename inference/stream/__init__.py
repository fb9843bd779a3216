"""Frames from the bus: tokens and recordings in, detections messages out."""
