"""Metrics of an inference process."""

from prometheus_client import Counter, Gauge, Histogram

_MILLISECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)

INFERRED = Counter("vedette_frames_inferred", "Frames whose detections are stored.", ["camera", "pipeline"])
REPEATED = Counter(
    "vedette_frames_repeated", "Tokens whose frame this worker had served before.", ["camera", "pipeline"]
)
TOKENS_IN_VAIN = Counter(
    "vedette_tokens_without_frame",
    "Tokens whose frame the bus kept no longer; its gateway counted it as expired.",
    ["camera", "pipeline"],
)
"""A worker's sum: tokens taken = inferred + expired + repeated + in vain + dropped at the hop `inference`."""
DETECTIONS = Counter("vedette_detections", "Objects detected.", ["camera", "label"])
FRAME_AGE = Histogram(
    "vedette_frame_age_seconds", "Age of live frames when their inference begins.", ["model"], buckets=_MILLISECONDS
)
LATENCY = Histogram(
    "vedette_capture_to_detection_seconds",
    "From a live frame's arrival at the gateway until its detections are stored.",
    ["pipeline"],
    buckets=_MILLISECONDS,
)
QUEUE_TIME = Histogram(
    "vedette_batch_queue_seconds", "Waiting for a place in a batch.", ["model"], buckets=_MILLISECONDS
)
BATCH_SIZE = Histogram("vedette_batch_size", "Images a batch.", ["model"], buckets=(1, 2, 4, 8, 16, 32, 64))
SESSIONS = Gauge("vedette_sessions_in_service", "Sessions that can run a batch.", ["model", "version"])
BATCH_PADDING = Counter(
    "vedette_batch_padding_rows", "Rows by which batches were filled up to a size that was warmed up.", ["model"]
)
MODEL_LATENCY = Histogram(
    "model_inference_latency_seconds",
    "Inference of one batch, by how its pictures came; mixed: in several ways.",
    ["model", "version", "protocol"],
    buckets=_MILLISECONDS,
)
REQUESTS = Counter(
    "vedette_inference_requests",
    "Requests of clients, and frames and crops from the bus; the status is ok, cancelled, or why there is no answer.",
    ["model", "version", "protocol", "status"],
)
REQUEST_TIME = Histogram(
    "vedette_inference_request_seconds",
    "From a request's header to its answer; of a frame or crop from when it was read until it was inferred.",
    ["model", "version", "protocol"],
    buckets=_MILLISECONDS,
)
CONNECTIONS = Gauge("vedette_http_connections", "Open connections of clients.")
CONNECTIONS_CUT = Counter(
    "vedette_http_connections_cut",
    "Connections ended by this side: too_many, header (not whole in time), answer (not taken in time).",
    ["reason"],
)
ACCESS_REFUSED = Counter(
    "vedette_access_refused", "Calls over HTTP and gRPC that were not let in: unauthenticated, forbidden.", ["reason"]
)
SERVED_BY = Counter(
    "vedette_model_pictures",
    "Pictures inferred, by version and what it was for: stable or candidate.",
    ["model", "version", "role"],
)
CANDIDATE_FAILURES = Counter(
    "vedette_candidate_failures",
    "Pictures on which the candidate failed; the stable version served them.",
    ["model", "version"],
)
LOAD_FAILURES = Counter(
    "vedette_model_load_failures",
    "Versions that could not be loaded or warmed up: unreachable, unusable, device, warm_up. What served goes on.",
    ["model", "version", "reason"],
)
LOAD_TIME = Histogram(
    "vedette_model_load_seconds",
    "Until a version was loaded, warmed up and measured beside those that serve.",
    ["model"],
    buckets=(0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 300),
)
ROLE = Gauge(
    "vedette_model_role",
    "1 for each version and what it is for: stable, candidate or shadow.",
    ["model", "version", "role"],
)
ROLLOUT_SHARE = Gauge("vedette_rollout_share", "Share of the cameras that the candidate serves, 0 to 1.", ["model"])
SHADOW_FRAMES = Counter(
    "vedette_shadow_frames",
    "Frames of a shadow's sample: compared, left out because there was no time, or failed.",
    ["model", "version", "outcome"],
)
SHADOW_DETECTIONS = Counter(
    "vedette_shadow_detections",
    "Objects that the stable version (first) or its shadow (second) found: same label, other_label, only_first, "
    "only_second.",
    ["model", "version", "label", "outcome"],
)
SHADOW_IOU = Histogram(
    "vedette_shadow_iou",
    "Overlap of boxes that the stable version and its shadow gave one object.",
    ["model", "version"],
    buckets=(0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0),
)
SESSIONS_REBUILT = Counter(
    "vedette_sessions_rebuilt",
    "Sessions opened anew after their model failed; the reason is the exception's class.",
    ["model", "reason"],
)
CROPS_ASKED = Counter(
    "vedette_crops_asked",
    "Crops for further models of cascades: answered, unanswered (in the budget), failed, unusable (not what the card "
    "promises), unsent (the bus refused it), silent (not asked: it doesn't answer), beyond (too many a frame), uncut.",
    ["model", "pipeline", "outcome"],
)
CROP_ANSWERS_LEFT_OUT = Counter(
    "vedette_crop_answers_left_out", "Answers that nobody waited for: late ones, and stray ones.", ["reason"]
)
CROPS_SERVED = Counter(
    "vedette_crops_served",
    "Crops that this service took: inferred, expired (its budget was over), undecodable, failed, malformed.",
    ["model", "outcome"],
)
CASCADE_TIME = Histogram(
    "vedette_cascade_seconds",
    "From a frame's detections until its further stages had answered, or their time was over.",
    ["pipeline"],
    buckets=_MILLISECONDS,
)
INCOMPLETE = Counter(
    "vedette_detections_incomplete", "Messages in which a further stage's answer is missing.", ["pipeline", "stage"]
)
REDELIVERED = Counter("vedette_clips_redelivered", "Frames of recordings that were delivered again.", ["pipeline"])
SERVING_FAILURES = Counter(
    "vedette_serving_failures",
    "Messages whose serving ended in an unforeseen error; they are delivered again.",
    ["stream"],
)
CLOCK_OFFSET = Gauge("vedette_server_clock_offset_seconds", "The NATS server's clock less this machine's.")
INPUT_VERDICTS = Counter(
    "vedette_input_verdicts",
    "Pictures that the input guard looked at; the reason is the first of several, and empty for ok.",
    ["camera", "verdict", "reason"],
)
SQUEEZED = Counter(
    "vedette_input_squeezed",
    "Pictures on whose squeezed copies the model was asked too: agreed, disagreed, or unchecked (no answer in time).",
    ["pipeline", "outcome"],
)
IDENTITIES_MATCHED = Counter(
    "vedette_identities_matched", "Faces compared with a gallery: named, or unknown to it.", ["gallery", "outcome"]
)
IDENTITIES_ENROLLED = Gauge("vedette_identities_enrolled", "People that faces are compared with.", ["gallery"])
