"""All that a scene remembers: plain data, stored as JSON and read again by another worker."""

from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from events.objects.tracked_object import TrackedObject
from events.picture_judge import PictureState
from events.tracking.track import Tracks
from vedette.messages import FrameRef, Model


@dataclass(slots=True)
class LastFrame:
    """The newest message that was taken in."""

    frame: FrameRef
    model: Model


@dataclass(slots=True)
class SceneState:
    """Of one camera and pipeline."""

    version: Literal[2] = 2
    last: LastFrame | None = None
    order: tuple[int, int] = (-1, -1)
    """(epoch, seq) of the newest message, of any kind."""
    late: int = 0
    """Messages in a row that were before that, though captured later."""
    now_s: float = 0.0
    """The scene's clock: Unix time of the captures, but never backwards."""
    captured_s: float = 0.0
    """Of the newest frame, as its message has it."""
    seen_s: float = 0.0
    """The scene's clock at the newest frame that shows what is there."""
    interval_s: float = 0.5
    """Between frames, as a slow mean."""
    tracks: Tracks = field(default_factory=Tracks)
    objects: dict[int, TrackedObject] = field(default_factory=dict)
    """By track."""
    picture: PictureState = field(default_factory=PictureState)


_ADAPTER = TypeAdapter(SceneState)


def dumped(state: SceneState) -> dict[str, Any]:
    """As JSON has it."""
    plain: dict[str, Any] = _ADAPTER.dump_python(state, mode="json")
    return plain


def loaded(plain: dict[str, Any]) -> SceneState:
    """What `dumped` made.

    Raises:
        ValueError: it is of another version, or damaged.
    """
    try:
        return _ADAPTER.validate_python(plain)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
