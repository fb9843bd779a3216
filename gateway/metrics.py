"""The gateway's metrics."""

from prometheus_client import Counter, Gauge

RECEIVED = Counter("vedette_frames_received", "Access units read from the source.", ["camera"])
KEYFRAMES = Counter("vedette_keyframes_received", "Keyframes read from the source.", ["camera"])
KEYFRAMES_DECODED = Counter("vedette_keyframes_decoded", "Keyframes that gave a picture, each once.", ["camera"])
CORRUPT = Counter("vedette_frames_corrupt", "Access units or pictures that could not be decoded whole.", ["camera"])
HELD = Counter("vedette_frames_held", "Frames not sampled since they may refer to damaged ones.", ["camera"])
SKIPPED = Counter("vedette_frames_skipped", "Frames not decoded, since no sample could fall on them.", ["camera"])
GATED = Counter("vedette_frames_gated", "Frames not decoded, since nothing moved.", ["camera"])
READ = Counter(
    "vedette_frames_read",
    "Access units by what became of them, each once: unsampled, gated, held, corrupt, sampled, or lost with a process.",
    ["camera", "fate"],
)
SAMPLED = Counter("vedette_frames_sampled", "Frames picked for a pipeline and encoded.", ["camera", "pipeline"])
ANSWERED = Counter(
    "vedette_frames_answered",
    "Frames of which a worker said what became of them, each once, by its answer: inferred, expired, undecodable, "
    "rejected, failed, repeated (an earlier answer was lost).",
    ["camera", "pipeline", "outcome"],
)
WAITING = Gauge(
    "vedette_frames_waiting", "Frames on the bus of which it isn't known yet what becomes.", ["camera", "pipeline"]
)
AGE = Gauge(
    "vedette_camera_frame_age_seconds",
    "How old the latest answered frame was when its worker was done with it.",
    ["camera", "pipeline"],
)
PUBLISHED = Counter("vedette_frames_published", "Frames that the bus has stored.", ["camera", "pipeline"])
REQUESTS_REFUSED = Counter("vedette_requests_refused", "Requests that one client had too many of.", ["reason"])
RECONNECTS = Counter("vedette_camera_reconnects", "Attempts to open the source after the first.", ["camera"])
DEFECTS = Counter("vedette_camera_defects", "Internal errors that ended a camera, which then began anew.", ["camera"])
UP = Gauge("vedette_camera_up", "1 while the camera is live.", ["camera"])
CAMERA_CPU = Counter("vedette_camera_decode_cpu_seconds", "CPU time of the thread that reads it.", ["camera"])
CAMERA_MOVES = Counter("vedette_camera_moves", "Moves to another decode process, as its own was busy.", ["camera"])
DECODE_LOAD = Gauge("vedette_decode_process_load", "Cores that a decode process uses.", ["process"])
DECODE_RESTARTS = Counter("vedette_decode_process_restarts", "Decode processes that died or hung.")
WHIP_LOST = Counter("vedette_whip_packets_lost", "RTP packets of a publisher that never came.", ["camera"])
WHIP_DROPPED = Counter(
    "vedette_whip_frames_dropped",
    "Access units of a publisher dropped: damaged or after damage, or its reader did not keep up.",
    ["camera", "reason"],
)
WANTED_FPS = Gauge(
    "vedette_camera_wanted_fps",
    "Rate at which a camera is sampled, as workers have time for it.",
    ["camera", "pipeline"],
)
OFFERED_AGAIN = Counter(
    "vedette_tokens_offered_again", "Tokens published because a newer frame waited when one was served.", ["camera"]
)
STILLS = Counter(
    "vedette_main_pictures",
    "Pictures of the main stream that snapshots asked for; outcome is given or missing.",
    ["camera", "outcome"],
)
RECOVERIES = Counter(
    "vedette_camera_recoveries",
    "Recovery actions for cameras that fail again and again; result is done or failed.",
    ["camera", "action", "result"],
)
UNASSIGNED = Gauge(
    "vedette_cameras_unassigned",
    "Cameras for which no gateway of the site has room, as far as this gateway is the one to say so.",
)
GATEWAY_CAPACITY = Gauge("vedette_gateway_capacity_cores", "Cores that cameras may use here; +Inf without a limit.")
GATEWAY_LOAD = Gauge(
    "vedette_gateway_load_cores", "Cores that this gateway uses, with what its newest cameras are expected to."
)
