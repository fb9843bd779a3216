"""Cameras to frames: sources, sampling, encoding, and the way onto the bus. Each camera is on its own.

`app.py` puts a gateway together; `fleet/camera.py` is one camera; `reading/reader.py` is what runs in its thread.
"""
