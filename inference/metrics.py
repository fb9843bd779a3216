"""Metrics of an inference process."""

from prometheus_client import Counter, Gauge, Histogram

_MILLISECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)

INFERRED = Counter("vedette_frames_inferred", "Frames whose detections are stored.", ["camera", "pipeline"])
REPEATED = Counter(
    "vedette_frames_repeated", "Tokens whose frame this worker had served before.", ["camera", "pipeline"]
)
"""A worker's sum: tokens taken = inferred + expired + repeated + dropped at the hop `inference`."""
DETECTIONS = Counter("vedette_detections", "Objects detected.", ["camera", "label"])
FRAME_AGE = Histogram(
    "vedette_frame_age_seconds", "Age of live frames when their inference begins.", ["model"], buckets=_MILLISECONDS
)
LATENCY = Histogram(
    "vedette_capture_to_detection_seconds",
    "From a live frame's arrival at the gateway until its detections are stored.",
    ["camera"],
    buckets=_MILLISECONDS,
)
QUEUE_TIME = Histogram(
    "vedette_batch_queue_seconds", "Waiting for a place in a batch.", ["model"], buckets=_MILLISECONDS
)
BATCH_SIZE = Histogram("vedette_batch_size", "Images a batch.", ["model"], buckets=(1, 2, 4, 8, 16, 32, 64))
MODEL_LATENCY = Histogram(
    "model_inference_latency_seconds", "Inference of one batch.", ["model", "version"], buckets=_MILLISECONDS
)
SESSIONS_REBUILT = Counter(
    "vedette_sessions_rebuilt",
    "Sessions opened anew after their model failed; the reason is the exception's class.",
    ["model", "reason"],
)
REDELIVERED = Counter("vedette_clips_redelivered", "Frames of recordings that were delivered again.", ["pipeline"])
SERVING_FAILURES = Counter(
    "vedette_serving_failures",
    "Messages whose serving ended in an unforeseen error; they are delivered again.",
    ["stream"],
)
CLOCK_OFFSET = Gauge("vedette_server_clock_offset_seconds", "The NATS server's clock less this machine's.")
