"""What makes a nats-server a leaf of the hub's, or the hub: lines of its configuration.

A site says itself what never crosses, whatever the hub's administrator allows its user.
"""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from vedette.buckets import buckets
from vedette.bus.mqtt_listener import quoted
from vedette.config.bus_settings import Retention
from vedette.config.listen_settings import Address
from vedette.config.site_settings import Hub, Uplink
from vedette.site.leaf_user import LIVE, PICTURE_STREAMS, SOURCED, api_of
from vedette.streams import streams

LINK_CHECKS = ("ping_interval: 2s", "ping_max: 2")
"""Top-level lines of both servers: a link on which nothing comes back is given up after six seconds."""
_PRIVATE = ("frame", "work", "served", "clip", "crop", "picture", "track", "hint", "still", "dead", "audit")
_DESTROYS = ("CREATE", "UPDATE", "DELETE", "PURGE", "RESTORE", "SNAPSHOT")


def uplink_block(site: str, uplink: Uplink, password: str) -> list[str]:
    """The leaf's side: one connection to the hub, opened from here, and tried again for ever."""
    return [
        "leafnodes {",
        "  reconnect: 1s",
        "  remotes: [{",
        f"    url: {quoted(_with_user(uplink, site, password))}",
        *_tls(uplink),
        f"    deny_exports: [{_listed(_never_out(uplink))}]",
        f"    deny_imports: [{_listed(_never_in(site, uplink))}]",
        "  }]",
        "}",
    ]


def hub_block(listen: Address, hub: Hub) -> list[str]:
    """The hub's side: where leaf nodes connect. Sites are not told of the hub's other addresses."""
    tls = hub.tls
    files = []
    if tls is not None:
        files = [f"    cert_file: {quoted(tls.server_cert)}", f"    key_file: {quoted(tls.server_key)}"]
        if tls.client_ca is not None:
            files += [f"    ca_file: {quoted(tls.client_ca)}", "    verify: true"]
    block = ["  tls {", *files, "  }"] if files else []
    return ["leafnodes {", f"  listen: {quoted(listen)}", "  no_advertise: true", *block, "}"]


def included_users(folder: Path) -> list[str]:
    """The elements of `authorization { users: [ … ] }` for the sites whose files `vedette site init` made: in a folder
    beside the file that they are for, since the server takes each path as relative to that file's."""
    return [f"  {{include {quoted(f'{folder.name}/{file.name}')}}}" for file in sorted(folder.glob("*.conf"))]


def _with_user(uplink: Uplink, site: str, password: str) -> str:
    scheme, _, rest = uplink.url.reveal().partition("://")
    return f"{scheme}://{quote(site, safe='')}:{quote(password, safe='')}@{rest}"


def _tls(uplink: Uplink) -> list[str]:
    tls = uplink.tls
    named = {"ca_file": tls.ca, "cert_file": tls.certificate, "key_file": tls.key} if tls else {}
    files = [f"      {key}: {quoted(file)}" for key, file in named.items() if file is not None]
    return ["    tls {", *files, "    }"] if files else []


def _never_out(uplink: Uplink) -> list[str]:
    """Subjects that programs at the hub can't listen to here."""
    private = [noun for noun in _PRIVATE if not (noun == "picture" and uplink.share_pictures)]
    live = () if uplink.live else LIVE
    return [*(f"vedette.{noun}.>" for noun in (*private, *live)), "$KV.>", "$O.>", "$MQTT.>"]


def _never_in(site: str, uplink: Uplink) -> list[str]:
    """What programs at the hub can't publish here, whatever its administrator allows: no cameras, no settings, and of
    JetStream only what reads."""
    api = api_of(site)
    shared = (*SOURCED, *(PICTURE_STREAMS if uplink.share_pictures else ()))
    every = [str(one.name) for one in (*streams(Retention()), *buckets())]
    live = () if uplink.live else LIVE  # what may not come in can't go out either (nats-server 2.15.1)
    return [
        *(f"vedette.{noun}.>" for noun in (*_PRIVATE, *live)),
        *("$KV.>", "$O.>", "$MQTT.>"),
        *(f"{api}.STREAM.{verb}.>" for verb in _DESTROYS),
        f"{api}.STREAM.MSG.DELETE.>",
        *(subject for name in every if name not in shared for subject in _reading(api, name)),
    ]


def _reading(api: str, stream: str) -> Sequence[str]:
    return (
        f"{api}.STREAM.INFO.{stream}",
        f"{api}.STREAM.MSG.GET.{stream}",
        *(f"{api}.{verb}.{stream}" for verb in ("DIRECT.GET", "CONSUMER.CREATE")),
        *(f"{api}.{verb}.{stream}.>" for verb in ("DIRECT.GET", "CONSUMER.CREATE", "CONSUMER.DURABLE.CREATE")),
    )


def _listed(subjects: Sequence[str]) -> str:
    return ", ".join(map(quoted, subjects))
