"""`tracing:` of the configuration: where the traces of frames are sent, and of which frames."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from vedette.config.camera_settings import Tls
from vedette.config.settings import Fraction, Settings
from vedette.secrets.secret import SecretText, SecretUrl
from vedette.secrets.url_scheme import web_url

_PATH = "/v1/traces"
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
_VALUE = re.compile(r"[\x21-\x7e]+( [\x21-\x7e]+)*")
_OURS = frozenset({"content-type", "content-length", "content-encoding", "transfer-encoding", "connection", "host"})


def _endpoint(url: SecretUrl) -> SecretUrl:
    if urlsplit(web_url(url).reveal()).query or urlsplit(url.reveal()).fragment:
        raise ValueError("must have no query and no fragment; keys go into headers")
    return url


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("is no name of a header")
    if name.lower() in _OURS:
        raise ValueError("is set by Vedette")
    return name


def _value(secret: SecretText) -> SecretText:
    if not _VALUE.fullmatch(secret.reveal()):
        raise ValueError("must be one line of ASCII, as in: Bearer 0123abcd")
    return secret


class Tracing(Settings):
    """OpenTelemetry: one trace a frame, from its packet to its events, sent over OTLP/HTTP (docs/traces.md)."""

    endpoint: Annotated[SecretUrl, AfterValidator(_endpoint)]
    """Of the collector, as in `http://collector:4318`; spans are sent to `/v1/traces` below it."""
    slower_than_ms: Annotated[float, Field(ge=0)] = 500.0
    """Frames that take longer, from the packet's arrival to the result, are traced. Default 500."""
    share: Fraction = 0.01
    """Of the other frames, how many are traced all the same. Those with errors always are. Default 0.01."""
    headers: Annotated[
        dict[Annotated[str, AfterValidator(_name)], Annotated[SecretText, AfterValidator(_value)]],
        Field(max_length=16),
    ] = Field(default_factory=dict)
    """Of each request, as in `{authorization: "Bearer ${OTLP_TOKEN}"}`; never shown. Default: none."""
    tls: Tls = Tls()
    """How the collector's certificate is checked."""
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 10.0
    """Of a request. Default 10."""

    @property
    def traces_url(self) -> SecretUrl:
        """Where spans are posted: the endpoint with `/v1/traces`, unless it ends so already."""
        url = self.endpoint.reveal().rstrip("/")
        return SecretUrl(url if url.endswith(_PATH) else f"{url}{_PATH}")
