"""An entry of the audit log, as it is published on `vedette.audit.<site>` and kept in the stream `AUDIT`."""

import datetime as dt
import secrets

from vedette.ids import Id
from vedette.messages import SCHEMA_ROOT, CloudEvent, Message

AUDIT_TYPE = "dev.vedette.audit.v1"


class Audit(Message):
    """Somebody changed something, or tried to. It holds no value that was set, and no secret."""

    site: Id
    service: str
    """Whom they asked: `gateway`, `inference`, or `command` where the command line did it."""
    actor: str
    """The account's or token's name, `publisher` (of WebRTC), the user of the machine, or `unknown`."""
    role: str | None = None
    """The actor's: `viewer`, `operator`, `admin`; of a token of the inference process `infer` or `admin`."""
    address: str | None = None
    """From where, as the service saw it: behind a proxy, the proxy's."""
    action: str
    """What was asked for: `PATCH /api/v1/cameras/{name}`, `RepositoryModelLoad` (gRPC), `vedette apply`."""
    target: str | None = None
    """To what: `gate`."""
    keys: tuple[str, ...] = ()
    """The settings that were named in it, without their values."""
    outcome: str
    """`done`, `refused` (not let in, or wrong) or `failed`."""
    status: int | None = None
    """Of HTTP."""


AuditEvent = CloudEvent[Audit]


def audit_event(data: Audit, now: dt.datetime) -> AuditEvent:
    """The event of what happened at `now`."""
    return AuditEvent(
        id=f"{data.site}/audit/{secrets.token_hex(8)}",
        source=f"/vedette/{data.site}/{data.service}",
        type=AUDIT_TYPE,
        subject=data.target or data.service,
        time=now,
        dataschema=f"{SCHEMA_ROOT}audit.v1.json",
        data=data,
    )


def outcome_of(status: int) -> str:
    """Of an answer of HTTP."""
    return "done" if status < 400 else "refused" if status < 500 else "failed"
