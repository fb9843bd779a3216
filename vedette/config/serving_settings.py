"""`serving:` of the configuration: who reaches the inference processes, how, and with how much at a time."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from vedette.config.settings import Settings
from vedette.config.tls_settings import ServerTls
from vedette.ids import Id

Role = Literal["infer", "admin"]


class AccessToken(Settings):
    """One token, of which only the digest is known here; `vedette token` makes both."""

    name: Id
    """Whose it is, for the log."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 of the token, hexadecimal."""
    role: Role = "infer"
    """`infer`: inference, and looking; `admin`: roll-outs, loading and unloading too. Default infer."""


def _host(text: str) -> str:
    if "://" in text or "@" in text or text != text.strip().lower() or not text:
        raise ValueError("must be a host, *.domain, an address or a network, in small letters: images.example.com")
    return text


class Serving(Settings):
    """How requests are let in."""

    tls: ServerTls | None = None
    """TLS of HTTP and gRPC. Default: plain text."""
    tokens: tuple[AccessToken, ...] = ()
    """Who may infer, who may change things. Default: everybody may infer who reaches the port; changes are for
    clients of a process that listens on loopback alone."""
    metrics: Literal["open", "infer"] = "open"
    """`infer`: /metrics needs a token. Health never does. Default open."""
    connections: Annotated[int, Field(ge=1, le=65536)] = 1024
    """Of HTTP at a time; further ones are refused. Default 1024."""
    requests: Annotated[int, Field(ge=1, le=65536)] = 512
    """Under way at a time, over HTTP and as many over gRPC; further ones are refused. Default 512."""
    bodies_mib: Annotated[int, Field(ge=1, le=1 << 20)] = 1024
    """Of the bodies of all requests under way, HTTP's and gRPC's; more is refused. Default 1024."""
    header_s: Annotated[float, Field(gt=0, le=3600)] = 10
    """How long a client may take for a request's header, or its TLS handshake. Default 10."""
    least_kib_s: Annotated[float, Field(gt=0)] = 16
    """A body that comes more slowly, on the average after the first `header_s` seconds, is cut. Default 16."""
    idle_s: Annotated[float, Field(gt=0, le=86400)] = 75
    """How long a connection is kept on which nothing is asked. Default 75."""
    urls: tuple[Annotated[str, AfterValidator(_host)], ...] = ()
    """Hosts from which pictures are fetched that a request names by URL: `images.example.com`, `*.example.com`,
    `10.1.0.0/16`. A name that leads to an address of this machine or of a private network is fetched only where that
    address is listed too. Default: none, URLs are refused."""

    @model_validator(mode="after")
    def _differ(self) -> "Serving":
        for key in ("name", "sha256"):
            values = [getattr(token, key) for token in self.tokens]
            if len(set(values)) < len(values):
                raise ValueError(f"two tokens have the same {key}")
        return self
