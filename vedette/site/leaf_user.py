"""The user of a site at the hub's nats-server: what its leaf node may send there, and what it is sent.

Both are seen from the hub: `publish` is what comes from the site, `subscribe` what the site is told.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from vedette.bus.mqtt_listener import quoted
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


def leaf_permissions(site: str, pictures: bool = False) -> LeafPermissions:
    """Of the user of `site`: it is told nothing of what the hub has, and its server is asked what sourcing needs.

    With `pictures` its pictures and snapshots can be read from its server, by programs at the hub that may. The live
    subjects are of all sites: the server tells a leaf that connects only of listeners whose whole subject is allowed,
    and those at the hub listen to `vedette.events.>` (nats-server 2.15.1).
    """
    api = api_of(site)
    return LeafPermissions(
        publish=(f"{deliver_to(site)}.>", "$JSC.R.>", *(f"vedette.{noun}.>" for noun in LIVE), _INBOX),
        subscribe=(
            *(f"{api}.CONSUMER.CREATE.{stream}" for stream in SOURCED),
            *(f"{api}.CONSUMER.CREATE.{stream}.>" for stream in SOURCED),
            *(f"{api}.STREAM.INFO.{stream}" for stream in SOURCED),
            *(f"{api}.DIRECT.GET.{stream}" for stream in (PICTURE_STREAMS if pictures else ())),
            *(f"{api}.DIRECT.GET.{stream}.>" for stream in (PICTURE_STREAMS if pictures else ())),
            "$JS.FC.>",
        ),
    )


def leaf_user(site: str, password: str, pictures: bool = False) -> str:
    """The file that the hub's server includes as an element of `authorization { users: [ … ] }`."""
    allowed = leaf_permissions(site, pictures)
    return _user(site, password, "LEAFNODE, LEAFNODE_WS", allowed.publish, allowed.subscribe)


def gateway_user(site: str, password: str) -> str:
    """The same for a site whose gateways are clients of the hub's server, for frames of this site alone."""
    allowed = permissions_of("gateway", Place(site=site))
    return _user(site, password, "STANDARD, WEBSOCKET", allowed.publish, allowed.subscribe)


def _user(site: str, password: str, connections: str, publish: Sequence[str], subscribe: Sequence[str]) -> str:
    return "\n".join(
        [
            f"# Site {site}, written by `vedette site init`.",
            f"user: {quoted(site)}",
            f"password: {quoted(password)}",
            f"allowed_connection_types: [{connections}]",
            "permissions: {",
            f"  publish: {{allow: [{_listed(publish)}]}}",
            f"  subscribe: {{allow: [{_listed(subscribe)}]}}",
            "}",
            "",
        ]
    )


def _listed(subjects: Sequence[str]) -> str:
    return ", ".join(map(quoted, subjects))
