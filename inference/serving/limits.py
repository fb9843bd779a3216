"""What one request may take of this server."""

from dataclasses import dataclass
from typing import Self

from vedette.config import Inference


@dataclass(frozen=True, slots=True)
class Limits:
    """Of HTTP and gRPC alike."""

    body_bytes: int = 64 << 20
    timeout_s: float = 30.0
    """How long a request may wait that says nothing of it, and the longest that one may ask for."""

    @classmethod
    def of(cls, settings: Inference) -> Self:
        """Those of the configuration."""
        return cls(settings.request_mib << 20, settings.request_timeout_s)
