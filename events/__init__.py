"""From detections to events: tracks, zones and lines, and a life for every object.

`scene.py` is the pure core, one camera and pipeline; around it `app.py` is the service.
"""
