"""Where the processes of a machine listen."""

from ipaddress import ip_address
from typing import Annotated, Any

from pydantic import Field, model_validator

from vedette.config.settings import Settings


class Address(Settings):
    """A host and a port to listen on, written `host:port`; port 0 is a free one."""

    host: str
    port: Annotated[int, Field(ge=0, le=65535)]

    @model_validator(mode="before")
    @classmethod
    def _parse(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        host, colon, port = value.rpartition(":")
        if not colon or not host or not (port.isascii() and port.isdigit()):
            raise ValueError("must be host:port, as in 127.0.0.1:8080")
        return {"host": host.strip("[]"), "port": int(port)}

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only programs of this machine reach it."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def with_offset(self, offset: int) -> "Address":
        """The same host, `offset` ports up; a free port stays a free port."""
        return self if self.port == 0 else Address(host=self.host, port=self.port + offset)


def address_field(text: str) -> Any:
    return Field(default_factory=lambda: Address.model_validate(text))


class Listen(Settings):
    """Where the processes of this machine listen."""

    nats: Address = address_field("127.0.0.1:4222")
    """The embedded nats-server; default 127.0.0.1:4222."""
    mqtt: Address | None = None
    """MQTT of the embedded nats-server, for home automation: events and status to be read, without TLS. Default: none;
    its usual port is 1883."""
    gateway: Address = address_field("127.0.0.1:8080")
    """Health, metrics and API of the gateway, and where cameras publish; default 127.0.0.1:8080."""
    inference: Address = address_field("127.0.0.1:8000")
    """HTTP of the first inference process (REST, health, metrics), each further one 10 ports up; default
    127.0.0.1:8000."""
    grpc: Address | None = None
    """The same of gRPC. Default: the port after that of HTTP."""
    hub: Address = address_field("127.0.0.1:8070")
    """Health and metrics of the hub process; default 127.0.0.1:8070."""
    leaf: Address = address_field("127.0.0.1:7422")
    """Where the embedded nats-server of a hub takes the servers of sites; default 127.0.0.1:7422."""
    events: Address = address_field("127.0.0.1:8090")
    """Health and metrics of the events worker; default 127.0.0.1:8090."""
