"""The gateway's metrics."""

from prometheus_client import Counter, Gauge

RECEIVED = Counter("vedette_frames_received", "Access units read from the source.", ["camera"])
CORRUPT = Counter("vedette_frames_corrupt", "Access units or pictures that could not be decoded whole.", ["camera"])
HELD = Counter("vedette_frames_held", "Frames not sampled since they may refer to damaged ones.", ["camera"])
SAMPLED = Counter("vedette_frames_sampled", "Frames picked for a pipeline and encoded.", ["camera", "pipeline"])
PUBLISHED = Counter("vedette_frames_published", "Frames that the bus has stored.", ["camera", "pipeline"])
RECONNECTS = Counter("vedette_camera_reconnects", "Attempts to open the source after the first.", ["camera"])
DEFECTS = Counter("vedette_camera_defects", "Internal errors that ended a camera, which then began anew.", ["camera"])
UP = Gauge("vedette_camera_up", "1 while the camera is live.", ["camera"])
OFFERED_AGAIN = Counter(
    "vedette_tokens_offered_again", "Tokens published because a newer frame waited when one was served.", ["camera"]
)
RECOVERIES = Counter(
    "vedette_camera_recoveries",
    "Recovery actions for cameras that fail again and again; result is done or failed.",
    ["camera", "action", "result"],
)
