"""What can go wrong in the shared parts.

VedetteError
├── ConfigError          the configuration is wrong: the process ends with status 2
├── BusError             the bus can't do what was asked
│   ├── BusUnavailable   not now (no connection, no stream, no answer): try again
│   │   └── BusFull      the stream holds all that it may of this subject: wait for room
│   ├── BusMisfit        never (server too old, a stream with other settings, no permission): the process ends
│   └── MessageTooLarge  this message only
├── MalformedMessage     a message on the bus that breaks the contract: ends that message
└── StartFailed          a child process or the embedded server did not start: the process ends with status 1
"""

from typing import ClassVar


class VedetteError(Exception):
    """The root: what a user can be told in one line, without a traceback."""

    exit_status: ClassVar[int] = 1
    """Of a process that it ends: 2 where the configuration has to be changed first."""


class ConfigError(VedetteError):
    """The configuration can't be used. The text has a line a problem, each with file, line and key."""

    exit_status = 2


class BusError(VedetteError):
    """The bus can't do what was asked."""


class BusUnavailable(BusError):
    """The bus can't do it now: not connected, a stream is gone, or no answer came in time."""


class BusFull(BusUnavailable):
    """The stream holds as many messages of this subject as it may."""


class Conflict(VedetteError):
    """A subject or key is at another sequence than its writer thought: nothing was written."""


class BusMisfit(BusError):
    """The bus can't ever do it as it is: a server too old, or a stream that exists with other settings."""

    exit_status = 2


class MessageTooLarge(BusError):
    """The message is over the server's `max_payload`; sending it would end the connection."""

    def __init__(self, subject: str, size_bytes: int, limit_bytes: int) -> None:
        super().__init__(f"{subject}: {size_bytes} bytes are over the server's max_payload of {limit_bytes}")
        self.subject = subject
        self.size_bytes = size_bytes
        self.limit_bytes = limit_bytes


class MalformedMessage(VedetteError):
    """A message on the bus breaks the contract."""


class StartFailed(VedetteError):
    """A process that is needed did not start."""
