"""Frames to detections: the consumers, the data plane with its batcher, the model and its repository.

`app.py` puts a process together; `stream/live_consumer.py` serves cameras, `stream/clip_consumer.py` recordings, both
through `dataplane.py`.
"""
