"""What is known of a snapshot, where it lies in the store, and which of them somebody asks for. Pure.

Subjects of the stream `OBJ_vedette-snapshots`:

    $O.vedette-snapshots.C.<sha256>             the JPEG, in one chunk
    $O.vedette-snapshots.M.<base64 of sha256>   its description, as NATS ADR-20 has it
    $O.vedette-snapshots.I.<hour>.<site>.<camera>.<pipeline>.<time>.<label>.<person>.<object>.<sha256>
                                                a record: one object in that picture; times are of capture, UTC
    $O.vedette-snapshots.H.<hour>               there are records of that hour

So the server finds the records of an hour, a camera, a person or an object by their subjects alone, which it has in
memory. Labels and people's names are in base64, as they may be any text; `-` is nobody known.
"""

import base64
import datetime as dt
from dataclasses import dataclass
from typing import Literal, NamedTuple

from vedette.identities.person_name import folded
from vedette.ids import Id
from vedette.messages import Message, Moment
from vedette.streams import SNAPSHOTS

_ROOT = f"$O.{SNAPSHOTS}"
_HOUR, _TIME = "%Y%m%d%H", "%M%S%f"
_NOBODY = "-"

Kind = Literal["crop", "full"]
"""`crop`: the object with a margin; `full`: the whole picture."""


class SnapshotRecord(Message):
    """One object in one stored picture. A picture that shows several objects has a record of each."""

    sha256: str
    """Of the JPEG, hexadecimal; its name."""
    kind: Kind
    site: Id
    camera: str
    pipeline: Id
    object: str
    """Its id, as in its events."""
    label: str
    person: str | None = None
    """Who was recognised."""
    captured_at: Moment
    width: int
    """Of the JPEG, in pixels."""
    height: int
    size_bytes: int = 0
    score: float = 0.0
    """How good a picture of the object it is; to be compared within an object. See `docs/snapshots.md`."""

    @property
    def hour(self) -> str:
        """Of its capture."""
        return self.captured_at.astimezone(dt.UTC).strftime(_HOUR)

    @property
    def key(self) -> "RecordKey":
        """Where the record lies."""
        at = self.captured_at.astimezone(dt.UTC)
        who = (self.site, self.camera, self.pipeline)
        what = (_token(self.label), _person(self.person), self.object, self.sha256)
        return RecordKey(at.strftime(_HOUR), *who, at.strftime(_TIME), *what)


class RecordKey(NamedTuple):
    """The words of a record's subject behind `$O.vedette-snapshots.I.`."""

    hour: str
    site: str
    camera: str
    pipeline: str
    time: str
    label: str
    person: str
    object: str
    sha256: str

    @classmethod
    def parse(cls, subject: str) -> "RecordKey":
        """Of a record's subject. Raises TypeError where it is none."""
        return cls(*subject.split(".")[3:])

    @property
    def subject(self) -> str:
        return f"{_ROOT}.I.{'.'.join(self)}"

    @property
    def is_named(self) -> bool:
        """It says who it is."""
        return self.person != _NOBODY

    def names(self, person: str) -> bool:
        """It says that it is `person`."""
        return self.person == _person(person)

    @property
    def others(self) -> str:
        """A filter for the records of the same picture, as that camera took it."""
        return self._replace(label="*", person="*", object="*").subject

    @property
    def order(self) -> tuple[str, str, str]:
        """By capture; whom a record names makes no difference."""
        return self.hour + self.time, self.object, self.sha256

    @property
    def captured_at(self) -> dt.datetime:
        return dt.datetime.strptime(self.hour + self.time, _HOUR + _TIME).replace(tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Query:
    """Which records; None: whatever. `since` and `before` are of capture and have a time zone; `before` is excluded."""

    site: str | None = None
    camera: str | None = None
    since: dt.datetime | None = None
    before: dt.datetime | None = None
    label: str | None = None
    person: str | None = None
    object: str | None = None

    @property
    def is_everything(self) -> bool:
        """It asks for nothing in particular."""
        return self == Query()

    @property
    def is_of_few(self) -> bool:
        """The server had better look for them in all hours at once."""
        return self.person is not None or self.object is not None

    def subjects(self, hour: str = "*") -> str:
        """A filter for the server, of the records of an hour; `takes` leaves out those of other times."""
        words = {"hour": hour, "site": self.site, "camera": self.camera, "object": self.object}
        words |= {"label": self.label and _token(self.label), "person": self.person and _person(self.person)}
        return RecordKey(*(words.get(name) or "*" for name in RecordKey._fields)).subject

    def takes(self, key: RecordKey) -> bool:
        """Whether the record is of the time that is asked for."""
        at = key.captured_at
        return (self.since is None or at >= self.since) and (self.before is None or at < self.before)

    def takes_hour(self, hour: str) -> bool:
        """Whether records of that hour may be."""
        begin = dt.datetime.strptime(hour, _HOUR).replace(tzinfo=dt.UTC)
        return (self.since is None or begin + dt.timedelta(hours=1) > self.since) and (
            self.before is None or begin < self.before
        )


def chunk_subject(sha256: str) -> str:
    """Where a JPEG lies."""
    return f"{_ROOT}.C.{sha256}"


def description_subject(sha256: str) -> str:
    """Where a JPEG's description lies."""
    return f"{_ROOT}.M.{base64.urlsafe_b64encode(sha256.encode()).decode()}"


def hour_subject(hour: str) -> str:
    """Where it is noted that an hour has records; `*` is any."""
    return f"{_ROOT}.H.{hour}"


def hour_of(subject: str) -> str:
    """Of an `hour_subject`."""
    return subject.rpartition(".")[2]


def _person(name: str | None) -> str:
    """The same for every spelling that is one person in a gallery."""
    return _token(folded(name)) if name else _NOBODY


def _token(text: str | None) -> str:
    """Any text as one word of a subject."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=") if text else _NOBODY
