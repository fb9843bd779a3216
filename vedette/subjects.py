"""Every subject of the system, defined once.

A frame and its token are two messages: `FRAMES` keeps the latest frame of a camera, `WORK` at most one token that
says "this camera has a frame to be served". A worker takes a token, reads the frame as it is then, and acknowledges
the token when the result is stored. So every camera gets its turn, and always with its freshest picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from vedette.errors import MalformedMessage

PARTITIONS = 16
"""Of `TRACK`: all detections of a camera are in one."""
_SINK_SUBJECTS = 100


def crop(model: str, site: str, camera: str) -> str:
    """Where a crop of a camera's frame is put for a further model of a cascade."""
    return f"vedette.crop.{model}.{site}.{camera}"


@dataclass(frozen=True, slots=True)
class Feed:
    """Whose frames: one camera's, for one pipeline."""

    pipeline: str
    site: str
    camera: str

    @property
    def frame(self) -> str:
        return f"vedette.frame.{self.pipeline}.{self.site}.{self.camera}"

    @property
    def work(self) -> str:
        return f"vedette.work.{self.pipeline}.{self.site}.{self.camera}"

    @property
    def served(self) -> str:
        return f"vedette.served.{self.pipeline}.{self.site}.{self.camera}"

    @property
    def clip(self) -> str:
        return f"vedette.clip.{self.pipeline}.{self.site}.{self.camera}"

    @property
    def picture(self) -> str:
        return f"vedette.picture.{self.pipeline}.{self.site}.{self.camera}"

    @property
    def detections(self) -> str:
        return f"vedette.detections.{self.site}.{self.camera}.{self.pipeline}"

    @classmethod
    def parse(cls, subject: str) -> "Feed":
        """The feed of a frame, work, served, clip or picture subject.

        Raises:
            MalformedMessage: it is none.
        """
        tokens = subject.split(".")
        if len(tokens) != 5:
            raise MalformedMessage(f"{subject!r} is no subject of a camera's frames")
        return cls(*tokens[2:])


def status(site: str, camera: str) -> str:
    """Where a camera's state is published."""
    return f"vedette.status.{site}.{camera}"


def served_of_site(site: str) -> str:
    """All `served` notes of a site."""
    return f"vedette.served.*.{site}.*"


def hint(site: str, camera: str) -> str:
    """Hints that an object moves before a camera; `*` is any."""
    return f"vedette.hint.{site}.{camera}"


def still(site: str, camera: str) -> str:
    """Where a picture of a camera's main stream is asked for; `vedette.stills` says how."""
    return f"vedette.still.{site}.{camera}"


def event(site: str, camera: str, kind: str) -> str:
    """Where the events of a kind (`object.new`) of a camera are published."""
    return f"vedette.events.{site}.{camera}.{kind}"


def events_filter(site: str = "*", camera: str = "*") -> str:
    """Events of all kinds of some cameras; `*` is any."""
    return f"vedette.events.{site}.{camera}.*.*"


def audit(site: str) -> str:
    """Where it is said who changed what at a site."""
    return f"vedette.audit.{site}"


def dead(site: str, sink: str) -> str:
    """Where the events are kept that a sink would not take."""
    return f"vedette.dead.{site}.{sink}"


def sink_subjects(site: str, cameras: Sequence[str], kinds: Sequence[str]) -> list[str]:
    """Events that a sink is asked about: those of `cameras` and `kinds`, of which none means all.

    The server filters by at most a hundred subjects here; where there would be more, by the kinds only.
    """
    chosen = cameras if 0 < len(cameras) * max(1, len(kinds)) <= _SINK_SUBJECTS else ("*",)
    return [event(site, camera, kind) for camera in dict.fromkeys(chosen) for kind in kinds or ("*.*",)]


def track_filter(partition: int) -> str:
    """A partition's detections."""
    return f"vedette.track.{partition}.>"


def partition_of(site: str, camera: str) -> int:
    """The partition of a camera, as the server's `{{partition(16,1,2)}}` has it: FNV-1a, 32 bits, over both tokens."""
    digest = 0x811C9DC5
    for byte in (site + camera).encode():
        digest = (digest ^ byte) * 0x01000193 & 0xFFFFFFFF
    return digest % PARTITIONS


def detections_filter(site: str = "*", camera: str = "*", pipeline: str = "*") -> str:
    """Detections of some cameras; `*` is any."""
    return f"vedette.detections.{site}.{camera}.{pipeline}"
