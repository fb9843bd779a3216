"""Frames to detections: the consumers, the data plane with its batcher, the model and its repository.

`app.py` puts a process together; `stream/live_consumer.py` serves cameras, `stream/clip_consumer.py` recordings, both
through `dataplane.py`.
"""

import os

# ONNX Runtime's packages report on their use to their maker, with an id that they leave on the machine (its Privacy.md;
# 1.31), unless this is said before it is loaded. What a camera's system does is nobody else's business.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
