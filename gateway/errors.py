"""What can go wrong between a camera and a frame.

GatewayError
├── SourceError      a source can't be opened or read on: its supervisor tries again
├── ReaderLost       a reader is gone from where it ran, by no fault of its source: run it again at once
└── ReaderBroken     a reader met a defect of ours, which is in the log: tried again as after a SourceError
"""

from enum import StrEnum

from vedette.errors import VedetteError
from vedette.secrets.redaction import redact


class GatewayError(VedetteError):
    """The root: what a user can be told in one line, without a traceback."""


class Reason(StrEnum):
    """Why a source can't be read, in terms that a camera's status and a metric's label use."""

    UNAUTHORIZED = "unauthorized"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    UNKNOWN_HOST = "unknown_host"
    """The host's name can't be resolved."""
    CERTIFICATE = "certificate"
    """The server's TLS certificate is not trusted, or is another host's."""
    PROTOCOL = "protocol"
    """Something answers there that doesn't speak what the URL says."""
    NOT_FOUND = "not_found"
    TIMEOUT = "timeout"
    REJECTED = "rejected"
    """The server answered with another error (RTSP or HTTP 4xx, 5xx)."""
    TRANSPORT = "transport"
    """The server doesn't serve the transport that was asked for (RTSP 461)."""
    UNSUPPORTED_URL = "unsupported_url"
    NO_VIDEO = "no_video"
    UNSUPPORTED_CODEC = "unsupported_codec"
    NO_DEVICE = "no_device"
    """The device that is to decode is not there, or can't decode this."""
    ENDED = "ended"
    """A live source ended or closed the connection."""
    STALLED = "stalled"
    """Connected, and nothing comes."""
    UNDECODABLE = "undecodable"
    """Bytes come, and no picture can be made of them."""
    TRUNCATED = "truncated"
    UNREADABLE = "unreadable"
    """A file that may not be read, or is none."""


class SourceError(GatewayError):
    """A source can't be opened or read on. The text never holds credentials, whatever `message` does."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(redact(message))
        self.reason = reason

    @property
    def retry_slowly(self) -> bool:
        """Whether quick retries do harm: wrong credentials again and again lock a camera's account."""
        return self.reason is Reason.UNAUTHORIZED


class ReaderLost(GatewayError):
    """The decode process of a reader died, or the reader was moved to another one."""


class ReaderBroken(GatewayError):
    """An error that only a defect explains."""
