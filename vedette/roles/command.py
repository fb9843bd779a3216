"""`vedette roles CONFIG`: the users of a nats-server that is not the embedded one.

`users.conf` is what the server includes, `<role>.json` what each process signs in with:

    authorization { include "roles/users.conf" }      # nats-server.conf
    nats: {url: "tls://hub:4222", roles: roles}       # site.yaml; a process needs the file of its own role alone
"""

import argparse
import json
import sys
from pathlib import Path

from vedette.commands.command_line import add_config, read_config
from vedette.config.config import Config
from vedette.errors import BusUnavailable
from vedette.process.shell import DONE, FAILED
from vedette.roles.login import read_login, role_file
from vedette.roles.permissions import ROLES, Place, Role
from vedette.roles.users import User, new_password, new_user, user_lines
from vedette.secrets.private_file import write_private
from vedette.site.leaf_server import included_users

USERS_FILE, FORMER = "users.conf", "former"
_HEAD = "# Written by `vedette roles`, which writes it anew: the users of Vedette, one a role."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `vedette roles`."""
    add_config(parser)
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="folder for the files (mode 0600)")
    parser.add_argument("--all-sites", action="store_true", help="for all sites of the server; default: the file's own")
    change = parser.add_mutually_exclusive_group()
    change.add_argument("--rotate", action="store_true", help="new users; those of now are good until the next time")
    change.add_argument("--end-former", action="store_true", help="the users of before the rotation end")
    parser.epilog = "Example: vedette roles site.yaml --out /etc/nats/roles; nats-server --signal reload"


def run(args: argparse.Namespace) -> int:
    """Write the files; without options the users stay, and get the permissions that this version needs."""
    config = read_config(args.config)
    try:
        write_users(args.out, _place(config, args.all_sites or config.hub is not None), args.rotate, args.end_former)
    except (OSError, BusUnavailable) as error:
        where = f"{error.filename or args.out}: {error.strerror}" if isinstance(error, OSError) else str(error)
        sys.stderr.write(f"vedette: {where}\n")
        return FAILED
    sys.stdout.write(
        f"{args.out / USERS_FILE} and a file for each role are written; now: nats-server --signal reload\n"
    )
    return DONE


def write_users(folder: Path, place: Place, rotate: bool = False, end_former: bool = False) -> None:
    """The server's file first: who takes up a new user at once must find it known there, once it has been reloaded.

    Raises:
        OSError, BusUnavailable: a file can't be read, is damaged, or can't be written.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    former = folder / FORMER
    former.mkdir(exist_ok=True, mode=0o700)
    present = _known(folder)
    if rotate:
        for role, user in present.items():
            write_private(role_file(former, role), json.dumps(user.word))
        present = {role: new_user(role) for role in present}
    if end_former:
        for role in ROLES:
            role_file(former, role).unlink(missing_ok=True)
    users = {role: present.get(role) or User(role, role, new_password()) for role in ROLES}
    known = {user.name: user for user in (*_known(former).values(), *users.values())}
    sites = included_users(folder / "sites")  # of a hub: what `vedette site init` wrote for it
    text = "\n".join([_HEAD, "users: [", *user_lines(known.values(), place), *sites, "]", ""])
    write_private(folder / USERS_FILE, text)
    for role, user in users.items():
        write_private(role_file(folder, role), json.dumps(user.word))


def _known(folder: Path) -> dict[Role, User]:
    """Raises BusUnavailable."""
    found: dict[Role, User] = {}
    for role in ROLES:
        if role_file(folder, role).exists():
            login = read_login(folder, role)
            if login.user is not None and login.password is not None:
                found[role] = User(role, login.user, login.password.reveal())
    return found


def _place(config: Config, all_sites: bool) -> Place:
    bucket = config.models.bucket
    return Place(models=bucket) if all_sites else Place(config.site, tuple(config.sinks), bucket)
