"""What an evaluation stream is: kinds of streams, and the events in them, all from a seed."""

import random
from dataclasses import dataclass, replace
from typing import Any

FULL_HEIGHT = 1080
"""Object sizes are pixels of a picture so high, whatever the stream's own height."""


@dataclass(frozen=True)
class Event:
    """An object that crosses the picture, or a part of it, once."""

    size_px: float
    """Its height at 1080p."""
    size_class: str
    """`80+`, `40` or `20`."""
    brief: bool
    """In view for less than the keyframe gap + 0.6 s."""
    start_s: float
    stay_s: float
    heights_per_s: float
    """How fast it goes, in its own heights."""
    shape: str
    """`person` or `vehicle`."""
    path: str
    """`across`, `approach` or `halt`."""
    contrast: float
    """Grey levels off what is behind it; negative: darker."""


@dataclass(frozen=True)
class StreamSpec:
    """A stream, down to the last pixel: the same specification always renders the same."""

    kind: str
    seed: int
    width: int = 1280
    height: int = 720
    fps: int = 15
    gop_s: float = 2.0
    seconds: float = 60.0
    codec: str = "h264"
    crf: float | None = 25.0
    kbit_per_s: int = 0
    """Constant bit rate instead of `crf`."""
    b_frames: int = 0
    noise: float = 1.5
    """Standard deviation of the sensor's noise, grey levels."""
    denoise: bool = False
    """Motion-adaptive temporal denoising, as cameras do before they encode."""
    brightness: float = 1.0
    foliage: float = 0.0
    """How far leaves move, pixels at 1080p."""
    shake: float = 0.0
    """How far the picture moves, pixels at 1080p."""
    exposure: bool = False
    """Gain drifts, and steps every few seconds."""
    clock: str = ""
    """`shown` or `masked`."""
    events: tuple[Event, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.kind.replace(' ', '-')}-{self.seed}"


KINDS: dict[str, dict[str, Any]] = {
    "vbr": {"noise": (0.8, 2.0), "crf": (22, 28)},
    "noisy vbr": {"noise": (4.0, 7.0), "crf": (24, 30)},
    "denoised vbr": {"noise": (4.0, 7.0), "denoise": True, "crf": (24, 29)},
    "cbr": {"noise": (2.0, 4.0), "kbit_per_s": (1200, 2500)},
    "starved cbr": {"noise": (2.0, 5.0), "kbit_per_s": (350, 700)},
    "h265": {"noise": (1.0, 3.0), "codec": "hevc", "crf": (26, 31)},
    "b-frames": {"noise": (1.0, 3.0), "b_frames": 2},
    "gop 1 s": {"gop_s": 1.0},
    "gop 4 s": {"gop_s": 4.0, "seconds": 74.0},
    "1080p": {"width": 1920, "height": 1080, "noise": (1.0, 4.0)},
    "substream": {"width": 640, "height": 360, "fps": 10, "noise": (1.0, 2.5)},
    "low contrast": {"noise": (1.0, 3.0)},
    "night": {"brightness": 0.3, "noise": (3.0, 6.0), "crf": (24, 29)},
    "exposure": {"exposure": True},
    "foliage": {"foliage": (2.0, 8.0)},
    "shake": {"shake": (0.6, 3.0)},
    "clock masked": {"clock": "masked"},
    "clock shown": {"clock": "shown"},
    "gop 10 s": {"gop_s": 10.0, "seconds": 70.0},
}
CONTRAST = {"low contrast": 0.3}
"""How much of the usual contrast objects have."""
PROMISED = tuple(kind for kind in KINDS if kind not in ("gop 10 s", "clock shown"))
"""The kinds that the guarantee speaks of: keyframes up to 4 s apart, clocks masked."""

HEIGHTS = (720, 720, 540, 360)
"""A seed's pictures are so high, where its kind says nothing; small ones are cheap to make and harder to read, since
less of their noise and coding error is averaged away."""


def stream(kind: str, seed: int) -> StreamSpec:
    """The stream of a kind and a seed."""
    chance = random.Random(f"{kind}/{seed}")  # noqa: S311 - a seed, no secret
    drawn = {key: _draw(chance, value) for key, value in KINDS[kind].items()}
    height = HEIGHTS[seed % len(HEIGHTS)]
    fps, gop_s = chance.choice((10, 15, 25)), chance.choice((1.6, 2.0, 2.0))
    spec = replace(StreamSpec(kind, seed, height * 16 // 9, height, fps, gop_s), **drawn)
    return replace(spec, events=tuple(_events(spec, chance)))


def quiet_stream(kind: str, seed: int) -> StreamSpec:
    """A stream of a kind and a seed in which nothing comes."""
    return replace(stream(kind, seed), events=())


def _draw(chance: random.Random, value: Any) -> Any:
    if not isinstance(value, tuple):
        return value
    low, high = value
    return chance.randint(low, high) if isinstance(low, int) else chance.uniform(low, high)


def _events(spec: StreamSpec, chance: random.Random) -> list[Event]:
    """One event after the other, with time enough between them for the gate to close."""
    gap_s = min(spec.gop_s, 4.0)
    events: list[Event] = []
    start_s = 8.0 + chance.uniform(0, gap_s)
    while True:
        brief = chance.random() < 0.25
        stay_s = chance.uniform(0.6, gap_s + 0.6) if brief else chance.uniform(gap_s + 0.6, gap_s + 3.0)
        if start_s + stay_s + gap_s + 1 > spec.seconds:
            return events
        events.append(_event(chance, start_s, stay_s, brief, max(0.5, spec.brightness) * CONTRAST.get(spec.kind, 1.0)))
        start_s += stay_s + 4.0 + gap_s + chance.uniform(0, gap_s)


def _event(chance: random.Random, start_s: float, stay_s: float, brief: bool, contrast: float) -> Event:
    size_class = chance.choices(("80+", "40", "20"), (0.6, 0.2, 0.2))[0]
    sizes = {"80+": 80 * 4 ** chance.random(), "40": chance.uniform(37, 44), "20": chance.uniform(18, 22)}
    shape = "person" if chance.random() < 0.65 else "vehicle"
    return Event(
        size_px=sizes[size_class],
        size_class=size_class,
        brief=brief,
        start_s=start_s,
        stay_s=stay_s,
        heights_per_s=chance.uniform(0.5, 1.4) if shape == "person" else chance.uniform(1.0, 4.0),
        shape=shape,
        path=chance.choices(("across", "approach", "halt"), (0.7, 0.15, 0.15))[0],
        contrast=chance.choice((-1, 1)) * chance.uniform(15, 90) * contrast,
    )
