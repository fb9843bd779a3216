"""Requests that change something go to the audit log: who asked for what, over HTTP or gRPC, and how it ended.

Of a person only the gallery is told: nothing is ever taken out of that log, and a name is personal data.
"""

from collections.abc import Callable, Iterable

from aiohttp import web

from inference.serving.access import Caller, Handler
from inference.serving.http import STATUS
from inference.serving.refusal import Refused
from vedette.audit.message import Audit, outcome_of
from vedette.audit.trail import AuditTrail

KEYS: "web.RequestKey[tuple[str, ...]]" = web.RequestKey("keys", tuple)
"""Set by who reads a body: the settings that are named in it."""
_MOST_CHARACTERS = 100


def note_keys(request: web.Request, keys: Iterable[str]) -> None:
    """The body names these settings."""
    request[KEYS] = tuple(sorted(keys))


class ChangeLog:
    """Of one process."""

    def __init__(self, site: str, who: Callable[[str], Caller]) -> None:
        """`who` knows whose an authorization is."""
        self.trail = AuditTrail(site)
        """Whoever has a bus runs it."""
        self._site = site
        self._who = who

    def note(
        self,
        authorization: str,
        address: str | None,
        action: str,
        target: str | None,
        outcome: str,
        status: int | None = None,
        keys: tuple[str, ...] = (),
    ) -> None:
        """It has ended just now. Action, outcome and status are as `Audit` has them."""
        caller = self._who(authorization)
        self.trail.note(
            Audit(
                site=self._site,
                service="inference",
                actor=caller.name,
                role=caller.role,
                address=address,
                action=action,
                target=None if target is None else target[:_MOST_CHARACTERS],
                keys=keys,
                outcome=outcome,
                status=status,
            )
        )

    async def around(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Serve a request that changes something, and note it. One that is served by no answer was cut off: failed."""
        status = 500
        try:
            response = await handler(request)
            status = response.status
            return response
        except Refused as error:
            status = STATUS[error.kind]
            raise
        except web.HTTPException as error:
            status = error.status
            raise
        finally:
            resource = request.match_info.route.resource
            action = f"{request.method} {'' if resource is None else resource.canonical}"
            target = next(iter(request.match_info.values()), None)
            authorization = request.headers.get("Authorization", "")
            keys = request.get(KEYS, ())
            self.note(authorization, request.remote, action, target, outcome_of(status), status, keys)
