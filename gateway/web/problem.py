"""HTTP errors that say what is wrong: `application/problem+json` (RFC 9457)."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from aiohttp import web


class HttpProblem(Exception):
    """Raised by a handler; the client reads `detail`, and of a wrong body each wrong key in `errors`.

    Neither may hold a secret.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """`errors`: one mapping with `key` and `detail` for each thing that is wrong with the body."""
        super().__init__(detail)
        self.status = status
        self.errors = errors
        self._headers = headers

    def response(self) -> web.Response:
        """The answer."""
        body = {"type": "about:blank", "title": HTTPStatus(self.status).phrase, "status": self.status}
        whole = {**body, "detail": str(self), **({"errors": list(self.errors)} if self.errors else {})}
        return web.Response(
            text=json.dumps(whole), status=self.status, content_type="application/problem+json", headers=self._headers
        )
