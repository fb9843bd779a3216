"""Which pictures of objects are kept; for how long is `retention.snapshots_days` and `retention.snapshots_gib`."""

from typing import Annotated

from pydantic import Field

from vedette.config.settings import Flag, Settings


class Snapshots(Settings):
    """The best picture of each object of a live camera."""

    enabled: Flag = True
    """false: none is kept. Default true."""
    full: Flag = True
    """The whole picture too, beside what is cut out of it. Default true."""
    margin: Annotated[float, Field(ge=0, le=1)] = 0.1
    """What is cut out around an object's box, on each side, as a share of the box's longer one. Default 0.1."""
    max_side: Annotated[int, Field(ge=32, le=7680)] = 640
    """Pixels of the longer side of what is cut out; it is never enlarged. Default 640."""
    quality: Annotated[int, Field(ge=10, le=100)] = 85
    """JPEG quality of it; the whole picture is kept as it is. Default 85."""
    better: Annotated[float, Field(ge=0, le=10)] = 0.15
    """Another picture is kept where its score is higher by this share. Default 0.15."""
    every_s: Annotated[float, Field(ge=0.1, le=3600)] = 2.0
    """At most one an object in this time: the best of it. Default 2."""
