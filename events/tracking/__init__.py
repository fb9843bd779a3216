"""Detections of one camera, in order, become tracks. Pure."""
