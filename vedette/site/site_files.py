"""What `vedette site init` writes: a folder for the site, and one for the hub."""

import json
from dataclasses import dataclass
from pathlib import Path

from vedette.config.site_settings import Uplink
from vedette.errors import ConfigError
from vedette.roles.users import new_password
from vedette.secrets.private_file import write_private
from vedette.site.leaf_server import LINK_CHECKS, uplink_block
from vedette.site.leaf_user import gateway_user, leaf_user

_SITE_CONFIG = """\
# Site {site}, whose hub is {url}. `vedette check` explains it, `vedette {command}` runs it.

site: {site}

{connection}
cameras: {{}}
#  gate:
#    url: "rtsp://operator:${{GATE_PASSWORD}}@10.0.0.5:554/stream1"
#    pipeline: people

pipelines:
  people:
    sampling: {{fps: 2}}
    stages:
      - {{model: coco-detector@^1, labels: [person, car], confidence: 0.4}}
"""

_UPLINK = """\
uplink:                          # the embedded nats-server is a leaf node of the hub's
  url: {url}
  password_file: uplink.password
{options}
retention: {{detections_h: 24, detections_gib: 10, events_days: 7, events_gib: 10}}
"""

_CLIENT = """\
nats:                            # the hub's: frames are inferred there
  url: {url}
  roles: roles
{options}models: {{at_hub: true}}
"""

_SERVER = """\
# The nats-server of site {site}, where it is not the embedded one of `vedette up`: nats-server --config nats.conf
# It listens on loopback. Give it users (docs/security.md) before it listens elsewhere.
server_name: {site}
listen: 127.0.0.1:4222
jetstream {{ store_dir: data, domain: {site}, max_memory_store: 1Gi, max_file_store: 40Gi }}
include {link}
"""

_LINK = """\
# The link of site {site} to its hub. Paths are relative to the folder that the server is started in.
# In Kubernetes, `uplink.conf` of the Secret that `nats.uplink.secret` names.
{lines}
"""
LINK_FILE = "uplink.conf"
"""The part of the server's configuration that has the password; the chart includes a file of this name."""

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


AUTHORITY = "ca.pem"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A site to be."""

    site: str
    uplink: Uplink
    frames: bool = False
    """Its gateways are clients of the hub's server, and nothing else runs there."""
    authority: str | None = None
    """PEM: who has signed the hub's certificate. The site gets a copy, as `AUTHORITY`."""


def write_site(wanted: Wanted, out: Path) -> list[Path]:
    """Make credentials, and write all files below `out`, which must not hold any of them; returns them.

    Raises:
        ConfigError: a file is there already, or can't be written.
    """
    files = {out / name: text for name, text in _files(wanted, new_password()).items()}
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


def _files(wanted: Wanted, password: str) -> dict[str, str]:
    site = wanted.site
    key = "frames_from" if wanted.frames else "sites"
    common = {"site/site.yaml": _config(wanted), "hub/hub.yaml": _HUB_NOTE.format(site=site, key=key)}
    if wanted.authority is not None:
        common[f"site/{AUTHORITY}"] = wanted.authority
    if wanted.frames:
        login = json.dumps({"user": site, "password": password})
        return {**common, "site/roles/gateway.json": login, f"hub/{site}.conf": gateway_user(site, password)}
    return {
        **common,
        "site/uplink.password": f"{password}\n",
        "site/nats.conf": _SERVER.format(site=site, link=LINK_FILE),
        f"site/{LINK_FILE}": _link(wanted, password),
        f"hub/{site}.conf": leaf_user(site, password, wanted.uplink.share_pictures),
    }


def _config(wanted: Wanted) -> str:
    uplink = wanted.uplink
    options = [
        *([f"  tls: {{ca: {uplink.tls.ca}}}\n"] if uplink.tls else []),
        *(["  share_pictures: true\n"] if uplink.share_pictures else []),
    ]
    url = uplink.url.reveal()
    connection = (_CLIENT if wanted.frames else _UPLINK).format(url=url, options="".join(options))
    command = "gateway" if wanted.frames else "up"
    return _SITE_CONFIG.format(site=wanted.site, url=url, connection=connection, command=command)


def _link(wanted: Wanted, password: str) -> str:
    lines = [*LINK_CHECKS, *uplink_block(wanted.site, wanted.uplink, password)]
    return _LINK.format(site=wanted.site, lines="\n".join(lines))
