"""The pipeline `access` as a user runs it: `vedette analyze` starts the models of all stages and asks them."""

import asyncio
from pathlib import Path

import pytest

from tests.end_to_end.site import ROOT
from tests.end_to_end.test_analyze import Recordings, events
from tests.nats_server import NatsServer

pytestmark = pytest.mark.timeout(300)

CONFIG = f"""
site: recordings
nats: {{{{url: {{url}}}}}}
pipelines:
  access:
    sampling: {{{{fps: 0.5}}}}
    frame: {{{{width: 1280}}}}
    stages:
      - {{{{model: face-detector@^1, confidence: 0.7}}}}
      - {{{{model: face-liveness@^1, on: face}}}}
models: {{{{path: {ROOT / "models"}}}}}
inference: {{{{sessions: 1, device: cpu}}}}
retention: {{{{detections_gib: 0.5, events_gib: 0.5, clips_mib: 64, frames_mib: 64, pictures_mib: 32}}}}
"""


async def test_every_face_of_a_recording_is_judged(tmp_path: Path, nats_server: NatsServer) -> None:
    recordings = Recordings(tmp_path, nats_server)
    recordings.config.write_text(CONFIG.format(url=nats_server.url))
    process = recordings.analyze("out.jsonl", 1, video=ROOT / "media/faces.mp4")
    _, log = await asyncio.to_thread(process.communicate)
    assert process.returncode == 0, log
    found = events(tmp_path / "out.jsonl")
    assert len(found) == 6
    assert [event["incomplete"] for event in found] == [[]] * 6
    faces = [face for event in found for face in event["detections"]]
    assert len(faces) == 8
    assert all(0 <= face["attributes"]["liveness"] <= 1 for face in faces)
