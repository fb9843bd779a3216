"""What one request may take of this server."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Of HTTP and gRPC alike."""

    body_bytes: int = 64 << 20
    timeout_s: float = 30.0
    """How long a request may wait that says nothing of it, and the longest that one may ask for."""
