"""What `vedette site init` writes: a folder for the site, and one for the hub."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vedette.errors import ConfigError
from vedette.private_file import write_private
from vedette.roles.users import new_password
from vedette.site.leaf_server import LINK_CHECKS, uplink_block
from vedette.site.leaf_user import user_block
from vedette.site_settings import Uplink

_SITE_CONFIG = """\
# Site {site}, whose hub is {url}. `vedette check` explains it, `vedette up` runs it.

site: {site}

uplink:                          # the embedded nats-server is a leaf node of the hub's
  url: {url}
  password_file: uplink.password
{options}
cameras: {{}}
#  gate:
#    url: "rtsp://operator:${{GATE_PASSWORD}}@10.0.0.5:554/stream1"
#    pipeline: people

pipelines:
  people:
    sampling: {{fps: 2}}
    stages:
      - {{model: coco-detector@^1, labels: [person, car], confidence: 0.4}}

retention: {{detections_h: 24, detections_gib: 10, events_days: 7, events_gib: 10}}
"""

_SERVER = """\
# The nats-server of site {site}, where it is not the embedded one of `vedette up`: nats-server --config nats.conf
# It listens on loopback. Give it users (docs/security.md) before it listens elsewhere.
server_name: {site}
listen: 127.0.0.1:4222
{lines}
"""

_HUB_NOTE = """\
# What the hub needs for site {site}:
#
# 1. {site}.conf in the folder `sites` of its roles: /etc/nats/roles/sites/ if `vedette roles` wrote /etc/nats/roles, or
#    .vedette/<hub>/sites/ where the server is the embedded one of `vedette up` (which takes it when it starts again).
# 2. vedette roles HUB.yaml --out /etc/nats/roles; nats-server --signal reload
# 3. In HUB.yaml (a running `vedette hub` takes it within a second; frames_from when it starts again):
hub:
  {key}: [{site}]
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A site to be."""

    site: str
    uplink: Uplink


def write_site(wanted: Wanted, out: Path) -> list[Path]:
    """Make credentials, and write all files below `out`, which must not hold any of them; returns them.

    Raises:
        ConfigError: a file is there already, or can't be written.
    """
    password = new_password()
    site, uplink = wanted.site, wanted.uplink
    files = {
        out / "site" / "site.yaml": _config(wanted),
        out / "site" / "uplink.password": f"{password}\n",
        out / "site" / "nats.conf": _server(wanted, password),
        out / "hub" / f"{site}.conf": user_block(site, password, uplink.frames, uplink.share_pictures),
        out / "hub" / "hub.yaml": _HUB_NOTE.format(site=site, key="frames_from" if uplink.frames else "sites"),
    }
    for path in files:
        if path.exists():
            raise ConfigError(f"{path}: is there already; a site's credentials are made once (move it away first)")
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_private(path, text)
    except OSError as error:
        raise ConfigError(f"{error.filename}: {error.strerror}") from error
    return list(files)


def _config(wanted: Wanted) -> str:
    uplink = wanted.uplink
    said: Sequence[str] = [
        *([f"  tls: {{ca: {uplink.tls.ca}}}\n"] if uplink.tls else []),
        *(["  frames: true               # they cross, and are inferred at the hub\n"] if uplink.frames else []),
        *(["  share_pictures: true\n"] if uplink.share_pictures else []),
    ]
    return _SITE_CONFIG.format(site=wanted.site, url=uplink.url.reveal(), options="".join(said))


def _server(wanted: Wanted, password: str) -> str:
    store = [f"jetstream {{ store_dir: data, domain: {wanted.site}, max_memory_store: 1Gi, max_file_store: 25Gi }}"]
    lines = [
        *LINK_CHECKS,
        *(store if not wanted.uplink.frames else ["# No jetstream: the hub's streams are used through the link."]),
        *uplink_block(wanted.site, wanted.uplink, password),
    ]
    return _SERVER.format(site=wanted.site, lines="\n".join(lines))
