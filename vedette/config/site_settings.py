"""Sites and their hub: `uplink:` of a site whose embedded server is a leaf of the hub's, and `hub:` of the hub."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, model_validator

from vedette.config.settings import Flag, Settings
from vedette.config.tls_settings import ClientTls, ServerTls
from vedette.ids import Id
from vedette.secrets.secret import SecretUrl


def _leaf_url(url: SecretUrl) -> SecretUrl:
    scheme, _, rest = url.reveal().partition("://")
    host, _, port = rest.rpartition(":")
    if scheme not in ("tls", "nats", "ws", "wss") or not host or not port.isascii() or not port.isdigit():
        raise ValueError("must be tls://host:port, the port for leaf nodes, as in tls://hub.example:7422")
    if "@" in rest or "/" in rest:
        raise ValueError("is only scheme, host and port: the user is the site, its password lies in password_file")
    return url


class Uplink(Settings):
    """The hub. The embedded server keeps one connection to it, which it opens itself: a site needs no open port."""

    url: Annotated[SecretUrl, AfterValidator(_leaf_url)]
    """Where the hub's server takes leaf nodes: `tls://hub.example:7422`."""
    password_file: Path
    """Holds the password of the site's user at the hub, whose name is the site's. Relative to this file."""
    tls: ClientTls | None = None
    """Certificates; wants a url `tls://…`. Default: the system's authorities, and no certificate of our own."""
    live: Flag = True
    """Whether detections, events and statuses also cross as they happen while somebody listens to them at the hub.
    Default true. What the hub stores does not depend on it."""
    share_pictures: Flag = False
    """Whether programs at the hub may read this site's inferred pictures and snapshots from its server. Default
    false."""


class Hub(Settings):
    """What is gathered here of other sites. Edits of `sites` are taken while it runs."""

    sites: tuple[Id, ...] = ()
    """Sites whose detections and events are stored here too, each from its own server."""
    frames_from: tuple[Id, ...] = ()
    """Sites whose gateways are clients of this server: their frames come here, inference and events are made here."""
    tls: ServerTls | None = None
    """Of the embedded server's port for leaf nodes (`listen.leaf`). Default: none, for loopback only."""

    @model_validator(mode="after")
    def _once(self) -> "Hub":
        every = (*self.sites, *self.frames_from)
        twice = sorted({site for site in every if every.count(site) > 1})
        if twice:
            raise ValueError(f"names {', '.join(twice)} twice: a site infers itself (sites) or here (frames_from)")
        return self
