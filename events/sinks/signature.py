"""The headers of a webhook by the Standard Webhooks specification, 1.0.0 (standardwebhooks.com): HMAC-SHA256, `v1`."""

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence

_NOT_OF_AN_ID = re.compile(r"[^A-Za-z0-9_/-]")


def webhook_id(event_id: str) -> str:
    """The id of an event as one of a webhook: without `.`, which separates what is signed."""
    return _NOT_OF_AN_ID.sub("-", event_id)


def webhook_headers(message_id: str, at_s: float, body: bytes, keys: Sequence[bytes]) -> dict[str, str]:
    """Id, time of the attempt (Unix seconds) and, where there are keys, a signature by each of them."""
    timestamp = str(int(at_s))
    headers = {"webhook-id": message_id, "webhook-timestamp": timestamp}
    if keys:
        signed = f"{message_id}.{timestamp}.".encode() + body
        headers["webhook-signature"] = " ".join(f"v1,{_signature(key, signed)}" for key in keys)
    return headers


def _signature(key: bytes, signed: bytes) -> str:
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
