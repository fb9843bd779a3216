"""What tracking costs, and what it mistakes: a crowd with known ids before 10, 100 and 1000 cameras, one core.

Every scene has two zones and a line. Cost is CPU time of `Scene.see`, and with everything around it that an events
worker does to a message but the bus: parsing the CloudEvent, and writing the events.
"""

import time
from collections.abc import Sequence
from typing import Any

from benchmarks.crowd import crowd
from benchmarks.results import Result
from events.scene import Scene, SceneSettings
from events.settings import Line, Zone
from vedette.messages import Detections, DetectionsEvent, detections_event
from vedette.object_messages import scene_event

FPS, WALKERS = 5.0, 10
SETTINGS = SceneSettings(
    zones=(
        Zone("left", ((0.0, 0.4), (0.4, 0.4), (0.4, 1.0), (0.0, 1.0))),
        Zone("door", ((0.7, 0.5), (0.9, 0.45), (0.95, 0.7), (0.8, 0.8), (0.65, 0.7))),
    ),
    lines=(Line("middle", (0.5, 0.9), (0.5, 0.3)),),
)


def run(quick: bool) -> Result:
    figures: dict[str, Any] = {}
    seconds = 6 if quick else 20
    for cameras in (10, 100) if quick else (10, 100, 1000):
        tracking_us, whole_us = _cost(cameras, seconds if cameras < 1000 else 4)
        figures[f"us_a_detection_{cameras}"] = round(tracking_us, 1)
        figures[f"us_a_detection_with_messages_{cameras}"] = round(whole_us, 1)
    slowest = max(value for name, value in figures.items() if "messages" in name)
    figures["cameras_a_core"] = int(1e6 / (slowest * FPS * WALKERS))
    for fps in (1.0, 2.0, 5.0):
        switches, objects = mistakes(fps, range(2 if quick else 8), 60)
        figures[f"switches_a_walker_minute_{fps:g}_fps"] = round(switches, 2)
        figures[f"objects_a_walker_{fps:g}_fps"] = round(objects, 2)
    return Result(
        name="tracking",
        what=f"CPU microseconds a detection (tracking, two zones, a line) at {FPS:g} fps, {WALKERS} walkers a camera, "
        "one core; and mistakes in a minute of a crowd of 10",
        figures=figures,
    )


def mistakes(fps: float, seeds: Sequence[int], seconds: float) -> tuple[float, float]:
    """Switches a walker and minute, and objects a walker."""
    switches = objects = 0
    for seed in seeds:
        scene, last = Scene("bench", "crowd", "people", SETTINGS), dict[int, str]()
        ids: set[str] = set()
        for message, names in crowd(WALKERS, fps, seconds, seed):
            scene.see(message, f"bench/crowd/people/1-{message.frame.seq}")
            at = {known.bbox: known.id for known in scene.objects if known.last_seen == message.frame.captured_at}
            for name, detection in zip(names, message.detections, strict=True):
                known = at.get(detection.bbox)
                if known is not None:
                    switches += last.get(name, known) != known
                    last[name] = known
                    ids.add(known)
        objects += len(ids)
    walkers = WALKERS * len(seeds)
    return switches / walkers / (seconds / 60), objects / walkers


def _cost(cameras: int, seconds: float) -> tuple[float, float]:
    """CPU microseconds a detection: of tracking, and with reading and writing messages."""
    films = [[message for message, _ in crowd(WALKERS, FPS, seconds, seed, f"cam{seed}")] for seed in range(20)]
    frames = [_renamed(films[n % len(films)], f"cam{n}") for n in range(cameras)]
    scenes = [Scene("bench", f"cam{n}", "people", SETTINGS) for n in range(cameras)]
    payloads = [[detections_event(message).model_dump_json().encode() for message in film] for film in frames]
    tracking_s, found = 0.0, 0
    begun_s = time.process_time()
    for row in zip(*payloads, strict=True):  # frame by frame, camera by camera: as they come, with cold caches
        for scene, payload in zip(scenes, row, strict=True):
            event = DetectionsEvent.model_validate_json(payload)
            before_s = time.process_time()
            seen = scene.see(event.data, event.id)
            tracking_s += time.process_time() - before_s
            found += len(event.data.detections)
            for one in seen:
                scene_event(one.kind, one.id, one.time, one.data).model_dump_json()
    return tracking_s / found * 1e6, (time.process_time() - begun_s) / found * 1e6


def _renamed(film: list[Detections], camera: str) -> list[Detections]:
    return [message.model_copy(update={"camera": camera}) for message in film]
