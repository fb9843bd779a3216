"""`vedette token`: a token for `serving.tokens`, and the digest that the configuration holds."""

import argparse
import hashlib
import secrets
import sys

from vedette.ids import is_id
from vedette.process.shell import DONE, MISUSED

_PREFIX = "vdt_"
_RANDOM_BYTES = 32


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `vedette token`."""
    parser.add_argument("name", metavar="NAME", help="whose it is: an id, as in shop-floor")
    parser.add_argument("--role", choices=("infer", "admin"), default="infer", help="default: infer")
    parser.epilog = (
        "Example: vedette token shop-floor --role infer\n\n"
        "The token is shown this once: the configuration has its digest only."
    )


def run(args: argparse.Namespace) -> int:
    """Print both; returns the exit status."""
    if not is_id(args.name):
        sys.stderr.write("vedette: NAME must be lower case letters, digits, - and _, 63 at most\n")
        return MISUSED
    token = _PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
    digest = hashlib.sha256(token.encode()).hexdigest()
    sys.stdout.write(
        f"# For the client, and nobody else:   Authorization: Bearer {token}\n"
        "# For the configuration:\n"
        "serving:\n"
        "  tokens:\n"
        f"    - {{name: {args.name}, role: {args.role}, sha256: {digest}}}\n"
    )
    return DONE
