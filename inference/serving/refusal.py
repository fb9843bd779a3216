"""Why a request gets no answer: the kinds that every transport has a code for."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from inference.errors import InferenceError

Kind = Literal[
    "invalid",
    "unauthenticated",
    "forbidden",
    "unknown",
    "unacceptable",
    "slow",
    "too_large",
    "unsupported",
    "rejected",
    "late",
    "overloaded",
    "unavailable",
    "failed",
]
"""* invalid: the request can't be served as it is
* unauthenticated: it has no token, or a wrong one
* forbidden: not for this client
* unknown: there is no such model or version here
* unacceptable: it can't be answered in any form that the client takes
* slow: its body did not come in time
* too_large: over a limit of this server
* unsupported: its body is of a kind that is not read here
* rejected: by the input guard
* late: its deadline passed while it waited
* overloaded: refused at once, since it would wait too long
* unavailable: no model is in service, or the process is stopping
* failed: the model gave no result
"""


class Refused(InferenceError):
    """A request that ends without a result; the text is for the client."""

    def __init__(
        self,
        kind: Kind,
        reason: str,
        wait_s: float = 0.0,
        details: Mapping[str, Any] = MappingProxyType({}),
        unread: bool = False,
    ) -> None:
        super().__init__(reason)
        self.kind = kind
        self.wait_s = wait_s
        """Of `overloaded` and `unavailable`: when to come back."""
        self.details = details
        """What else a client that reads JSON is told."""
        self.unread = unread or kind in ("too_large", "slow")
        """Some of the request is still to come, or can't be told from the next one: its connection ends."""
