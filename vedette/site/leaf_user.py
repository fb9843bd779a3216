"""The user of a site at the hub's nats-server: what its leaf node may send there, and what it is sent.

Both are seen from the hub: `publish` is what comes from the site, `subscribe` what the site is told.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from vedette.mqtt_listener import quoted
from vedette.roles.permissions import Place, permissions_of
from vedette.streams import DETECTIONS, EVENTS, PICTURES, SNAPSHOTS

SOURCED = (DETECTIONS, EVENTS)
"""The streams of a site that the hub has too."""
LIVE = ("detections", "events", "status")
"""What crosses as it happens, while somebody at the hub listens."""
PICTURE_STREAMS = (PICTURES, f"OBJ_{SNAPSHOTS}")
_INBOX = "_INBOX.>"
"""Where the hub's programs wait for answers. Each has a name there that can't be guessed."""


def api_of(site: str) -> str:
    """Where the hub asks a site's JetStream: its domain has the site's name."""
    return f"$JS.{site}.API"


def deliver_to(site: str) -> str:
    """Under which subject a site's JetStream sends the hub's streams what they source."""
    return f"deliver.{site}"


@dataclass(frozen=True, slots=True)
class LeafPermissions:
    """Of a leaf node's user."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


def leaf_permissions(site: str, frames: bool = False, pictures: bool = False) -> LeafPermissions:
    """Of the user of `site`: no other site's subjects, and of this one's server only what sourcing needs.

    With `frames` the site has no streams of its own: its gateways use those of the hub, as gateways there do. With
    `pictures` the site's pictures and snapshots can be read from its server, by programs at the hub that may.
    """
    if frames:
        gateway = permissions_of("gateway", Place(site=site))
        return LeafPermissions(gateway.publish, gateway.subscribe)
    api = api_of(site)
    return LeafPermissions(
        publish=(f"{deliver_to(site)}.>", "$JSC.R.>", *(f"vedette.{noun}.{site}.>" for noun in LIVE), _INBOX),
        subscribe=(
            *(f"{api}.CONSUMER.CREATE.{stream}" for stream in SOURCED),
            *(f"{api}.CONSUMER.CREATE.{stream}.>" for stream in SOURCED),
            *(f"{api}.STREAM.INFO.{stream}" for stream in SOURCED),
            *(f"{api}.DIRECT.GET.{stream}" for stream in (PICTURE_STREAMS if pictures else ())),
            *(f"{api}.DIRECT.GET.{stream}.>" for stream in (PICTURE_STREAMS if pictures else ())),
            "$JS.FC.>",
        ),
    )


def user_block(site: str, password: str, frames: bool = False, pictures: bool = False) -> str:
    """The file that the hub's server includes as an element of `authorization { users: [ … ] }`."""
    allowed = leaf_permissions(site, frames, pictures)
    return "\n".join(
        [
            f"# The leaf node of site {site}, written by `vedette site init`.",
            f"user: {quoted(site)}",
            f"password: {quoted(password)}",
            "allowed_connection_types: [LEAFNODE, LEAFNODE_WS]",
            "permissions: {",
            f"  publish: {{allow: [{_listed(allowed.publish)}]}}",
            f"  subscribe: {{allow: [{_listed(allowed.subscribe)}]}}",
            "}",
            "",
        ]
    )


def _listed(subjects: Sequence[str]) -> str:
    return ", ".join(map(quoted, subjects))
