"""A hundred idle cameras on one machine of two cores: is a keyframe lost?

720p cameras (H.264, GOP 2 s) in front of which nothing moves, over RTSP from a server on the same machine that counts
what it sends; `vedette up` with the gate on, inference for the looks at an idle scene among it. At the end the cameras
fall silent, and what each has sent since it was first asked is compared with what the gateway has received and decoded
of it: to the last keyframe, connections that were lost included. Two hundred, the goal, are more than two cores carry
beside the server of their streams.
"""

import json
import re
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.counting import Counting
from benchmarks.gate.activity_stream import idle_clip
from benchmarks.processes import (
    Up,
    cpu_seconds,
    free_port,
    memory_mib,
    metric,
    metric_by_camera,
    module,
    started,
    up,
    wait_until,
)
from benchmarks.results import Result

FPS = 25
_OPENING_S = 240.0
_LOOK_S = 5.0
_NONE = ("keyframes_lost", "keyframes_not_decoded", "pictures_lost", "pictures_withheld", "reconnects")
"""What there should be none of."""
_PARTS = (("p50", 0.5), ("p95", 0.95), ("most", 1.0))


@dataclass(frozen=True)
class Came:
    """What a gateway has of a camera."""

    pictures: int
    keyframes: int
    keyframes_decoded: int


@dataclass
class Watched:
    """What was seen while it ran."""

    fewest_live: float
    cpu_cores: Mapping[str, float]
    memory_mib: Mapping[str, float]
    ages_ms: list[float]


def run(quick: bool) -> Result:
    cameras, seconds = (40, 60) if quick else (100, 600)
    with tempfile.TemporaryDirectory(prefix="vedette-bench-") as name:
        log, port = Path(name) / "server.log", free_port()
        with started(module("fleet_server", str(idle_clip(FPS)), str(cameras), str(port)), log) as server:
            address = f"127.0.0.1:{free_port()}"
            with up(_settings(cameras, port, address)) as site:
                seen = _watch(site, address, cameras, seconds, server)
                figures = _balance(server, log, address) | _told(seen, cameras) | _failures(site)
    return Result(
        "idle_fleet",
        f"{cameras} idle 720p H.264 cameras over RTSP ({FPS} fps, GOP 2 s), gate: activity, {seconds} s after all"
        " gates were idle; CPU in cores, memory as unique set sizes; counts from the first connection on",
        {"cameras": cameras, "seconds": seconds} | figures,
        at_most=dict.fromkeys(_NONE, 0),
    )


def _settings(cameras: int, port: int, address: str) -> dict[str, Any]:
    camera = {"pipeline": "people", "gate": {"mode": "activity"}}
    return {
        "listen": {"nats": "127.0.0.1:0", "gateway": address, "inference": "127.0.0.1:0"},
        "cameras": {f"cam{n}": camera | {"url": f"rtsp://127.0.0.1:{port}/cam{n}"} for n in range(cameras)},
        "pipelines": {"people": {"sampling": {"fps": 2}, "stages": [{"model": "coco-detector"}]}},
        "inference": {"sessions": 1, "device": "cpu"},
    }


def _watch(site: Up, address: str, cameras: int, seconds: float, server: psutil.Popen) -> Watched:
    wait_until(lambda: metric(address, "vedette_camera_up") == cameras, "all cameras are live", _OPENING_S)
    wait_until(lambda: _resting(address) == cameras, "all gates are idle", _OPENING_S)
    counting = Counting(site)
    time.sleep(_LOOK_S)
    parts = site.parts() | {"server": [server]}
    before_s = {kind: cpu_seconds(processes) for kind, processes in parts.items()}
    fewest, first, began_s = float(cameras), counting.messages, time.monotonic()
    while time.monotonic() - began_s < seconds:
        time.sleep(_LOOK_S)
        fewest = min(fewest, metric(address, "vedette_camera_up"))
    took_s = time.monotonic() - began_s
    cores = {kind: (cpu_seconds(processes) - before_s[kind]) / took_s for kind, processes in parts.items()}
    memory = {kind: memory_mib(processes) for kind, processes in parts.items()}
    counting.close()
    return Watched(fewest, cores, memory, [arrival.total_ms for arrival in counting.arrivals(first)])


def _resting(address: str) -> int:
    return sum(count > 0 for count in metric_by_camera(address, "vedette_frames_gated_total").values())


def _balance(server: psutil.Popen, log: Path, address: str) -> dict[str, Any]:
    """What was sent against what has come, when nothing is under way any more."""
    server.send_signal(signal.SIGUSR1)
    wait_until(lambda: "each" in _said(log), "the cameras fall silent")
    said = _said(log)
    sent: dict[str, tuple[int, int]] = said["each"]

    def lost() -> dict[str, float]:
        names = ("vedette_frames_received_total", "vedette_keyframes_received_total", "vedette_keyframes_decoded_total")
        counts = [metric_by_camera(address, name) for name in names]
        return missing({camera: Came(*(int(of[camera]) for of in counts)) for camera in sent}, sent)

    end_s = time.monotonic() + 4  # then a gateway takes silent cameras for stalled
    while any(lost().values()) and time.monotonic() < end_s:
        time.sleep(0.5)
    received_in_all = metric(address, "vedette_frames_received_total")
    return {
        "keyframes_sent": said["keyframes"],
        "pictures_sent": said["pictures"],
        **lost(),
        "pictures_withheld": said["withheld"],
        "pictures_decoded_share": round(1 - metric(address, "vedette_frames_gated_total") / received_in_all, 3),
        "reconnects": metric(address, "vedette_camera_reconnects_total"),
        "decode_process_restarts": metric(address, "vedette_decode_process_restarts_total"),
        "server_late_ms_most": said["most_late_ms"],
    }


def _told(seen: Watched, cameras: int) -> dict[str, Any]:
    ages = sorted(seen.ages_ms)
    return {
        "live_cameras_fewest": seen.fewest_live,
        "cpu_cores": {kind: round(cores, 3) for kind, cores in seen.cpu_cores.items()},
        "gateway_ms_a_camera_second": round(seen.cpu_cores["gateway"] * 1000 / cameras, 2),
        "memory_mib": {kind: round(mib, 1) for kind, mib in seen.memory_mib.items()},
        "gateway_mib_a_camera": round(seen.memory_mib["gateway"] / cameras, 2),
        "looks_inferred": len(seen.ages_ms),
        "frame_age_ms": {part: round(ages[min(len(ages) - 1, int(len(ages) * share))], 1) for part, share in _PARTS}
        if ages
        else None,
    }


def missing(came: Mapping[str, Came], sent: Mapping[str, tuple[int, int]]) -> dict[str, float]:
    """What of the pictures and keyframes that each camera has sent did not come, or was not decoded.

    The last picture before a silence is none: FFmpeg takes it for whole only when the next one begins.
    """
    lost = {"keyframes_lost": 0, "keyframes_not_decoded": 0, "pictures_lost": 0}
    for camera, (pictures, keyframes) in sent.items():
        one = came[camera]
        pictures_lost = max(0, pictures - 1 - one.pictures)
        lost["pictures_lost"] += pictures_lost
        lost["keyframes_lost"] += max(0, keyframes - one.keyframes - (0 if pictures_lost else 1))
        lost["keyframes_not_decoded"] += max(0, one.keyframes - one.keyframes_decoded)
    return dict(lost)


def _failures(site: Up) -> dict[str, Any]:
    """Why cameras were lost, if any was, with how often."""
    lines = (site.folder / "up.log").read_text().splitlines()
    reasons = Counter(text for line in lines for text in re.findall(r"\b((?:offline|stalled): .*)", line))
    return {"failures": dict(reasons.most_common(5))} if reasons else {}


def _said(log: Path) -> dict[str, Any]:
    lines = [line for line in log.read_text().splitlines() if line.startswith("{") and line.endswith("}")]
    return json.loads(lines[-1]) if lines else {}
