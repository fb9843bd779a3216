"""How gateways work, and how publishers reach them."""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from vedette.config.account_settings import Account
from vedette.config.settings import Settings
from vedette.config.tls_settings import ServerTls
from vedette.secrets.secret import SecretText


class Gateway(Settings):
    """How gateways work."""

    decode_processes: Annotated[int, Field(ge=0, le=256)] = 0
    """Processes that decode, at most; a camera is in one of them. 0: as many as there are cores. Default 0."""
    capacity: Literal["auto", "off"] | Annotated[float, Field(gt=0, le=1024)] = "auto"
    """Cores that the cameras of a gateway may use, as measured; it takes no camera for which there is no room, and has
    a share of the site's cameras in proportion. `auto`: eight tenths of the cores that it may use (less is right where
    workers infer on the same machine). `off`: it takes every camera. Default auto."""
    api_token: SecretText | None = None
    """What every request to the API has to carry (`Authorization: Bearer …`), usually `${file:/run/secrets/token}`.
    Who has it is an `admin`. Without it and without accounts the API changes nothing unless the gateway listens on
    loopback."""
    accounts: tuple[Account, ...] = ()
    """Who may sign in to the console and use the API, and for what. Default: nobody has to sign in."""
    key_file: Path | None = None
    """The key that seals secrets of cameras in the KV bucket; all gateways of a site need the same one. A file of
    several lines has a key in each: the first seals, all open. Default: `.vedette/<site>/cameras.key`, made at the
    first start."""
    tls: ServerTls | None = None
    """TLS of the API, WHIP, the console, health and metrics. Default: plain text."""
    requests_per_s: Annotated[float, Field(gt=0, le=100_000)] = 100
    """Of one address (of IPv6, one /64 network) on the average; ten seconds' worth may come at once. More are answered
    429, but health and metrics. Default 100."""
    changes_per_s: Annotated[float, Field(gt=0, le=100_000)] = 10
    """The same of requests that change something. Default 10."""
    camera_networks: tuple[IPv4Network | IPv6Network, ...] | None = None
    """Where cameras may be that are added through the API: `[10.1.0.0/16, "fd00::/8"]`. Default: anywhere but on
    link-local (169.254.0.0/16, fe80::/10), multicast and reserved addresses, and on loopback only where the gateway
    itself listens there alone."""

    @model_validator(mode="after")
    def _accounts_differ(self) -> Self:
        names = [account.name for account in self.accounts]
        if len(set(names)) < len(names):
            raise ValueError("two accounts have the same name")
        return self


class Turn(Settings):
    """A TURN server: relays between a gateway and publishers that can't reach one another."""

    url: Annotated[str, Field(pattern=r"^turns?:[^\s?:@/]+(:\d{1,5})?(\?transport=(udp|tcp))?$")]
    """`turn:host:port?transport=udp`, or `turns:…`."""
    username: Annotated[str, Field(pattern=r'^[^"\\\s]+$')]
    credential: SecretText
    """The gateway and every publisher that is let in use it."""


class WebRtc(Settings):
    """How publishers reach cameras with `url: whip`."""

    stun: tuple[Annotated[str, Field(pattern=r"^stun:[^\s?:@/]+(:\d{1,5})?$")], ...] = ()
    """`stun:host:port`; publishers are told of all, the gateway itself uses the first. Default: none."""
    turn: tuple[Turn, ...] = ()
    """The same of TURN servers. Default: none."""
    bitrate_kbps: Annotated[int, Field(ge=100, le=100_000)] = 4000
    """What publishers that adapt (browsers) begin with and send at most. Default 4000."""
