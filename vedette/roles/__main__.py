"""`python -m vedette.roles`: the server configurations that this repository holds; `--check`: are they fresh?

The users of compose and of the chart have their passwords from environment variables of the server.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from vedette.process.shell import DONE, FAILED
from vedette.roles.permissions import ROLES, Place, Role
from vedette.roles.users import template_lines

ROOT = Path(__file__).parent.parent.parent
COMPOSE, CHART = ROOT / "configs/compose/nats.conf", ROOT / "helm/vedette/charts/nats/files/users.conf"
VARIABLES: Mapping[Role, str] = {role: f"NATS_{role.upper()}_PASSWORD" for role in ROLES}
MODELS = "vedette-models"
_MADE = "# Made by: python -m vedette.roles"
_SERVER = """\
# The nats-server of compose.yaml: a user a role, mutual TLS; reached from its network and from this machine.
server_name: compose
listen: 0.0.0.0:4222
http: 127.0.0.1:8222
tls { cert_file: /run/tls/server.pem, key_file: /run/tls/server.key, ca_file: /run/tls/ca.pem, verify: true }
jetstream { store_dir: /data, max_memory_store: 1Gi, max_file_store: 40Gi }
authorization { users: ["""


def texts() -> dict[Path, str]:
    """What each file is to hold."""
    users = template_lines(VARIABLES, Place(models=MODELS))
    return {
        COMPOSE: "\n".join([_MADE, _SERVER, *users, "] }", ""]),
        CHART: "\n".join([_MADE, "users: [", *users, "]", ""]),
    }


def main(arguments: list[str]) -> int:
    """Write, or check; returns the exit status."""
    stale = [file for file, text in texts().items() if not file.is_file() or file.read_text(encoding="utf-8") != text]
    if "--check" in arguments:
        for file in stale:
            sys.stderr.write(f"{file.relative_to(ROOT)} is stale; run: python -m vedette.roles\n")
        return FAILED if stale else DONE
    for file in stale:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(texts()[file], encoding="utf-8")
    return DONE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
