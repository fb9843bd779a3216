"""Exit status 0 if the process of this container answers /healthz on VEDETTE_HEALTH_PORT, else 1: its HEALTHCHECK."""

import os
import ssl
import sys
import urllib.request

_TIMEOUT_S = 3.0


def healthy(port: str) -> bool:
    """Asks over HTTP, then over TLS. A certificate is for the name of the service: on loopback none is checked."""
    unchecked = ssl.create_default_context()
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
    for scheme in ("http", "https"):
        try:
            url = f"{scheme}://127.0.0.1:{port}/healthz"
            with urllib.request.urlopen(url, timeout=_TIMEOUT_S, context=unchecked) as answer:  # noqa: S310 -- loopback
                return bool(answer.status == 200)
        except OSError:
            continue
    return False


if __name__ == "__main__":
    sys.exit(not healthy(os.environ["VEDETTE_HEALTH_PORT"]))
