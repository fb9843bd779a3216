"""Renders evaluation streams and encodes them with ffmpeg, an outside program, as a camera would."""

import json
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import IO

import numpy as np

from benchmarks.gate.rendering import rendered
from benchmarks.gate.stream_spec import StreamSpec

Box = tuple[float, float, float, float]
CACHE = Path(__file__).parent.parent / "cache" / "gate"


def need_ffmpeg() -> None:
    """Exit with what to do where ffmpeg is missing."""
    if shutil.which("ffmpeg") is None:
        sys.exit(
            "the benchmark of the gate needs ffmpeg (with libx264 and libx265) to encode its streams: "
            "apt-get install ffmpeg"
        )


def encode(spec: StreamSpec, path: Path) -> list[list[Box | None]]:
    """Write the stream to `path`; returns where each event's object is in each picture (x, y, width, height in 0–1)."""
    sightings: list[list[Box | None]] = []
    process = subprocess.Popen(_command(spec, path), stdin=subprocess.PIPE)
    pipe: IO[bytes] | None = process.stdin
    assert pipe is not None
    chroma = np.full(2 * ((spec.height + 1) // 2) * ((spec.width + 1) // 2), 128, np.uint8).tobytes()
    for picture in rendered(spec):
        pipe.write(picture.luma.tobytes())
        pipe.write(chroma)
        sightings.append([None if sighting is None else sighting.box for sighting in picture.sightings])
    pipe.close()
    if process.wait():
        sys.exit(f"ffmpeg could not encode {spec.name} (exit status {process.returncode})")
    return sightings


def _command(spec: StreamSpec, path: Path) -> list[str]:
    gop = round(spec.gop_s * spec.fps)
    rate = ["-crf", f"{spec.crf:g}"] if spec.crf is not None and not spec.kbit_per_s else _constant(spec.kbit_per_s)
    if spec.codec == "hevc":
        options = f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes=0:pools=1:frame-threads=1:log-level=error"
        codec = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", options]
    else:
        gops = ["-g", str(gop), "-keyint_min", str(gop), "-sc_threshold", "0", "-bf", str(spec.b_frames)]
        codec = ["-c:v", "libx264", "-preset", "superfast", "-profile:v", "main", "-threads", "1", *gops]
    denoise = ["-vf", "hqdn3d=3:2:6:4"] if spec.denoise else []
    raw = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{spec.width}x{spec.height}", "-r", str(spec.fps)]
    return ["ffmpeg", "-v", "error", "-y", *raw, "-i", "-", *denoise, *codec, *rate, str(path)]


def _constant(kbit_per_s: int) -> list[str]:
    return [
        "-b:v",
        f"{kbit_per_s}k",
        "-minrate",
        f"{kbit_per_s}k",
        "-maxrate",
        f"{kbit_per_s}k",
        "-bufsize",
        f"{kbit_per_s}k",
    ]


def fingerprint(spec: StreamSpec) -> str:
    """Of what the stream is; another specification is another file."""
    return json.dumps(asdict(spec), sort_keys=True)
