"""Detections from the bus, in order and each once; events onto it."""
