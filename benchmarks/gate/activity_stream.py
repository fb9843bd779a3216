"""Streams in which something moves for a given share of the time: 1080p25, H.264, 4 Mb/s, GOP 2 s, moderate noise.

They are made to be repeated without end: a measurement that lasts one period sees the whole of it, wherever it begins.
Cut out of the middle of what was encoded, since an encoder's first and last GOPs are unlike the others; where one met
the other a gate that watches packet sizes would see something happen.
"""

import hashlib
import random
import subprocess
from pathlib import Path

from benchmarks.gate.encoding import encode, fingerprint, need_ffmpeg
from benchmarks.gate.stream_spec import Event, StreamSpec

PERIOD_S = 40.0
_BOUT_S = 4.0
_OVERLAP_S = 0.4
"""Where something always moves, the next comes before the last is gone."""
_MARGIN_S = 4.0
"""What is cut off at either end."""
CACHE = Path(__file__).parent.parent / "cache"


def activity_stream(share: float, seed: int = 1) -> StreamSpec:
    """The stream in which objects of 120 to 240 pixels cross the picture for `share` of the time, 4 s each, one after
    the other, evenly spread."""
    chance = random.Random(f"activity/{share}/{seed}")  # noqa: S311 - a seed, no secret
    bouts = round(share * PERIOD_S / _BOUT_S)
    always = bouts * _BOUT_S >= PERIOD_S
    apart_s = PERIOD_S / max(1, bouts)
    first_s = _MARGIN_S + (0 if always else apart_s / 2)
    return StreamSpec(
        kind=f"activity {share:.0%}",
        seed=seed,
        width=1920,
        height=1080,
        fps=25,
        gop_s=2.0,
        seconds=PERIOD_S + 2 * _MARGIN_S,
        crf=None,
        kbit_per_s=4000,
        noise=2.5,
        events=tuple(_bout(chance, first_s + number * apart_s, always) for number in range(bouts)),
    )


def share_of(spec: StreamSpec) -> float:
    """For how much of the time something is there, in what is left of it."""
    moments = [_MARGIN_S + number / spec.fps for number in range(round((spec.seconds - 2 * _MARGIN_S) * spec.fps))]
    return sum(any(0 <= now_s - e.start_s < e.stay_s for e in spec.events) for now_s in moments) / len(moments)


def activity_clip(share: float) -> Path:
    """The stream as a file, made if it isn't there: a minute or two."""
    return _clip(activity_stream(share))


def idle_clip(fps: int) -> Path:
    """20 s of 720p in which nothing moves, as a camera with variable bit rate sends it (some 0.3 Mb/s at 25 fps)."""
    return _clip(StreamSpec("idle 720p", 1, seconds=20.0 + 2 * _MARGIN_S, fps=fps, crf=28.0, noise=1.5))


def _clip(spec: StreamSpec) -> Path:
    digest = hashlib.sha256(fingerprint(spec).encode()).hexdigest()[:12]
    path = CACHE / f"{spec.name.replace('%', '')}-{digest}.mp4"
    if not path.exists():
        need_ffmpeg()
        CACHE.mkdir(exist_ok=True)
        whole, part = path.with_suffix(".whole.mp4"), path.with_suffix(".part.mp4")
        encode(spec, whole)
        middle = ["-ss", str(_MARGIN_S), "-t", str(spec.seconds - 2 * _MARGIN_S)]
        command = ["ffmpeg", "-v", "error", "-y", *middle, "-i", str(whole), "-c", "copy", str(part)]
        subprocess.run(command, check=True)
        whole.unlink()
        part.rename(path)
    return path


def _bout(chance: random.Random, start_s: float, always: bool) -> Event:
    return Event(
        size_px=chance.uniform(120, 240),
        size_class="80+",
        brief=False,
        start_s=start_s,
        stay_s=_BOUT_S + (_OVERLAP_S if always else 0.0),
        heights_per_s=chance.uniform(0.7, 1.3),
        shape="person",
        path="across",
        contrast=chance.choice((-1, 1)) * chance.uniform(30, 70),
    )
