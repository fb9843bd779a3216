"""The console: a page that shows cameras as they are, with what is detected, and lets a person change them.

The page is plain files, under `static/`. What moves on it comes over one WebSocket a browser (`viewer.py`), fed by one
hub a gateway (`live.py`), which reads pictures only while somebody looks (`window.py`).
"""
