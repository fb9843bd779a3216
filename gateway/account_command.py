"""`vedette account`: an entry of `gateway.accounts`, with the digest of a password or a token."""

import argparse
import getpass
import hashlib
import secrets
import sys

from gateway.access.accounts import hash_password
from vedette.config.account_settings import ROLES
from vedette.ids import is_id
from vedette.process.shell import DONE, MISUSED

_PREFIX = "vdg_"
_RANDOM_BYTES = 32
_LEAST_CHARACTERS = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `vedette account`."""
    parser.add_argument("name", metavar="NAME", help="who it is: an id, as in night-shift")
    parser.add_argument("--role", choices=ROLES, default="viewer", help="default: viewer")
    parser.add_argument("--token", action="store_true", help="make a token, for a program, not a password")
    parser.epilog = (
        "Example: vedette account night-shift --role operator\n\n"
        "Asks for a password, or reads it from standard input where that is no terminal. The configuration has its\n"
        "digest only."
    )


def run(args: argparse.Namespace) -> int:
    """Print the entry; returns the exit status."""
    if not is_id(args.name):
        sys.stderr.write("vedette: NAME must be lower case letters, digits, - and _, 63 at most\n")
        return MISUSED
    if args.token:
        token = _PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
        sys.stdout.write(f"# For the program, shown this once:   Authorization: Bearer {token}\n")
        return _print(args, "token_sha256", hashlib.sha256(token.encode()).hexdigest())
    password = _password()
    if password is None:
        return MISUSED
    return _print(args, "password", f'"{hash_password(password)}"')


def _print(args: argparse.Namespace, key: str, digest: str) -> int:
    sys.stdout.write(
        "# For the configuration:\n"
        "gateway:\n"
        "  accounts:\n"
        f"    - {{name: {args.name}, role: {args.role}, {key}: {digest}}}\n"
    )
    return DONE


def _password() -> str | None:
    """None, and said why: it is too short, or typed in two ways."""
    if not sys.stdin.isatty():
        password = sys.stdin.readline().rstrip("\n")
    else:
        password = getpass.getpass("Password: ")
        if getpass.getpass("Again: ") != password:
            sys.stderr.write("vedette: these were two passwords\n")
            return None
    if len(password) < _LEAST_CHARACTERS:
        sys.stderr.write(f"vedette: a password has at least {_LEAST_CHARACTERS} characters\n")
        return None
    return password
