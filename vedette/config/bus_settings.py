"""The NATS server, and how long its streams keep what."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from vedette.config.settings import Settings
from vedette.config.tls_settings import ClientTls
from vedette.secrets.secret import SecretText, SecretUrl


class Nats(Settings):
    """An existing NATS server. Left out, `vedette up` runs an embedded one."""

    url: SecretUrl
    """`nats://` or `tls://`, with user and password if it needs them."""
    credentials: SecretText | None = None
    """The text of a `.creds` file, usually `${file:/run/secrets/nats.creds}`."""
    roles: Path | None = None
    """A folder with a file for each role that a process here may have: `gateway.json`, … as `vedette roles` writes
    them, or `gateway.creds`. They are looked at again while the process runs. Relative to the configuration file.
    Default: `credentials`, or what is in `url`."""
    tls: ClientTls | None = None
    """Certificates; wants a url `tls://…`. Default, where the server speaks TLS: the system's authorities, and none of
    our own."""
    replicas: Annotated[int, Field(ge=1, le=5)] = 1
    """Copies of each stream; 3 in a cluster. Default 1."""

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.tls is not None and not self.url.reveal().startswith("tls://"):
            raise ValueError("tls wants a url tls://…: another one would go on in plain text where a server asks it to")
        if self.roles is not None and self.credentials is not None:
            raise ValueError("roles and credentials are two answers to one question: leave one out")
        return self


class Retention(Settings):
    """How long, and how much, the streams keep."""

    detections_h: Annotated[float, Field(gt=0)] = 6
    """Hours of detections events. Default 6."""
    detections_gib: Annotated[float, Field(gt=0)] = 10
    """Bound of their size. Default 10."""
    events_days: Annotated[float, Field(gt=0)] = 7
    """Days of events. Default 7."""
    events_gib: Annotated[float, Field(gt=0)] = 10
    """Bound of their size. Default 10."""
    dead_days: Annotated[float, Field(gt=0)] = 30
    """Days of dead letters: events that a sink would not take. Default 30."""
    dead_mib: Annotated[int, Field(gt=0)] = 256
    """Bound of their size; the oldest go first. Default 256."""
    audit_days: Annotated[float, Field(gt=0)] = 365
    """Days of the audit log: who changed what. Default 365."""
    audit_mib: Annotated[int, Field(gt=0)] = 256
    """Bound of its size; the oldest go first. Default 256."""
    snapshots_days: Annotated[float, Field(gt=0)] = 30
    """Days of snapshots. Default 30."""
    snapshots_gib: Annotated[float, Field(gt=0)] = 10
    """Bound of their size: beyond it the oldest go. Default 10."""
    track_mib: Annotated[int, Field(gt=0)] = 128
    """Bound of the last minute's detections, in memory, as the events workers read them. Default 128."""
    pictures_s: Annotated[float, Field(gt=0)] = 60
    """Seconds that inferred pictures with detections are kept, in memory. Default 60."""
    pictures_mib: Annotated[int, Field(gt=0)] = 128
    """Bound of their size. Default 128."""
    frames_mib: Annotated[int, Field(gt=0)] = 256
    """Bound of the live frames (one a camera and pipeline). Default 256."""
    clips_mib: Annotated[int, Field(gt=0)] = 1024
    """Bound of the frames of recordings under way. Default 1024."""
    crops_mib: Annotated[int, Field(gt=0)] = 64
    """Bound of the crops that further models of cascades have not taken yet. Default 64."""
