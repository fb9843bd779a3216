"""Which process is meant: by the name that `vedette up` shows, by its number, or by its address."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from vedette.bus.access import bus_access
from vedette.config.config import Config
from vedette.config.listen_settings import Address
from vedette.errors import VedetteError
from vedette.fleet.members import Member, live_members

_NUMBER = re.compile(r"[1-9][0-9]{0,9}")
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # where somebody listens who listens everywhere
_NOT_OURS = {
    "nats-server": "is no Python process: its own monitoring says what it does",
    "simulator": "has no port for this: give its process id",
}


class NoSuchProcess(VedetteError):
    """There is none, or more than one."""

    exit_status = 2


@dataclass(frozen=True, slots=True)
class Target:
    """One process."""

    name: str
    """For people, and for the name of a file."""
    pid: int | None = None
    """Of this machine, to be looked into from here ..."""
    url: str = ""
    """... or else where it is asked, without a slash at the end."""


def given(word: str) -> Target | None:
    """The target that is given by number or address; None where it is a name."""
    if _NUMBER.fullmatch(word):
        return Target(f"process {word}", pid=int(word))
    if word.startswith(("http://", "https://")):
        url = word.rstrip("/").removesuffix("/debug")
        return Target(url.partition("://")[2], url=url)
    return None


async def named(config: Config, word: str) -> Target:
    """The live process of a site with this name.

    Raises:
        NoSuchProcess
        BusError: nobody can be asked who is there; by number or address it can be found all the same.
    """
    async with bus_access(config, "profile") as bus:
        members = await live_members(bus, config.site)
    names = names_of(members)
    found = [member for member in members if word in names[member.name]]
    if len(found) == 1:
        return Target(word, url=url_of(found[0], config))
    if word in _NOT_OURS:
        raise NoSuchProcess(f"{word} {_NOT_OURS[word]}")
    there = ", ".join(names[member.name][0] for member in found or members) or "none"
    why = f"{word} is not one process" if found else f"there is no process {word} at {config.site}"
    raise NoSuchProcess(f"{why}; there are: {there}")


def names_of(members: Sequence[Member]) -> dict[str, list[str]]:
    """By each member's own name those that it answers to, the one of `vedette up` first where there is such.

    `vedette up` counts the inference processes of a model in the order of their ports, from 0.
    """
    names: dict[str, list[str]] = {}
    beside: defaultdict[str, int] = defaultdict(int)
    for member in sorted(members, key=lambda one: (_port(one), one.name)):
        kind = f"{member.kind}-{member.serves}" if member.serves else member.kind
        number = beside[kind]
        beside[kind] += 1
        counted = f"{kind}-{number}"
        of_up = counted if member.serves else kind
        names[member.name] = list(dict.fromkeys([of_up, member.name, counted, kind, member.kind, member.serves]))
    first = Counter(of_one[0] for of_one in names.values())
    for name, of_one in names.items():
        if first[of_one[0]] > 1:  # a name of several says nothing of one
            of_one.insert(0, name)
    return names


def _port(member: Member) -> int:
    text = member.http.rpartition(":")[2]
    return int(text) if text.isdigit() else 0


def url_of(member: Member, config: Config) -> str:
    """Where a process is asked from this machine, without a slash at the end."""
    address = Address.model_validate(member.http)
    tls = {"gateway": config.gateway.tls, "inference": config.serving.tls, "events": config.events.tls}
    scheme = "http" if tls.get(member.kind) is None else "https"
    return f"{scheme}://{address.model_copy(update={'host': _ANYWHERE.get(address.host, address.host)})}"
