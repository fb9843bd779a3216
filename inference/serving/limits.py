"""What one request may take of this server."""

from dataclasses import dataclass
from typing import Self

from vedette.config.models_settings import Inference
from vedette.config.serving_settings import Serving


@dataclass(frozen=True, slots=True)
class Limits:
    """Of HTTP and gRPC alike."""

    body_bytes: int = 64 << 20
    timeout_s: float = 10.0
    """How long a request may wait that says nothing of it, and the longest that one may ask for."""

    requests: int = 512
    """Under way at a time."""
    header_s: float = 10.0
    """How long a handshake may take."""
    idle_s: float = 75.0
    """How long a connection is kept on which nothing is asked."""

    @property
    def message_s(self) -> float:
        """How long the message of a gRPC call may take to come."""
        return self.header_s + self.timeout_s

    @classmethod
    def of(cls, settings: Inference, serving: Serving) -> Self:
        """Those of the configuration."""
        return cls(
            settings.request_mib << 20,
            settings.request_timeout_s,
            serving.requests,
            serving.header_s,
            serving.idle_s,
        )
