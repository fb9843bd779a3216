"""What can go wrong in an events worker.

VedetteError
└── EventsError
    ├── ReaderBroken      a reader of a stream is of no more use: another begins where it stopped
    ├── SinkLost          another worker has the sink, or events of it are missing: reading begins anew
    ├── PartitionLost     another worker has the partition: what is known of it is thrown away
    └── DetectionsMissed  detections may have been missed: the partition begins again from what was saved
"""

from vedette.errors import VedetteError


class EventsError(VedetteError):
    """An events worker can't go on as it was."""


class ReaderBroken(EventsError):
    """A reader of a stream can't go on; nothing is lost."""


class SinkLost(EventsError):
    """The sink's lease is another worker's, or may be by now; or the server gave its events to somebody else."""


class PartitionLost(EventsError):
    """The partition's lease is another worker's, or may be by now."""


class DetectionsMissed(EventsError):
    """The bus threw detections away before they were read where they are kept shortest."""
