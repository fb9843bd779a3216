"""Why a request gets no answer: the kinds that every transport has a code for."""

from typing import Literal

from inference.errors import InferenceError

Kind = Literal["invalid", "unknown", "too_large", "forbidden", "late", "overloaded", "unavailable", "failed", "slow"]
"""* invalid: the request can't be served as it is
* unknown: there is no such model or version here
* too_large: over a limit of this server
* forbidden: not for this client
* late: its deadline passed while it waited
* overloaded: refused at once, since it would wait too long
* unavailable: no model is in service, or the process is stopping
* failed: the model gave no result
* slow: its body did not come in time
"""


class Refused(InferenceError):
    """A request that ends without a result; the text is for the client."""

    def __init__(self, kind: Kind, reason: str, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.kind = kind
        self.wait_s = wait_s
        """Of `overloaded` and `unavailable`: when to come back."""
