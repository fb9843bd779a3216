"""`sinks:` of the configuration: who is told of events besides those that read them from NATS.

The first key of a sink says which kind it is: `webhook`, or `url` of an MQTT broker.
"""

import base64
import binascii
import difflib
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

from vedette.config.camera_settings import Tls
from vedette.config.settings import Flag, Settings
from vedette.ids import Id
from vedette.object_messages import SCENE_EVENTS
from vedette.secrets.secret import SecretText, SecretUrl, WebhookUrl
from vedette.secrets.url_scheme import scheme_of, web_url

SECRET_PREFIX = "whsec_"  # noqa: S105 -- what secrets begin with
_SECRET_BYTES = range(24, 65)
_MADE_BY = "as made by: echo whsec_$(head -c 32 /dev/urandom | base64 -w 0)"
_AUTHORIZATION = re.compile(r"[\x21-\x7e]+( [\x21-\x7e]+)*")
WEBHOOK, MQTT = "webhook sink", "mqtt sink"
"""The kinds of sinks, as pydantic's errors name them: no keys of a file."""
MQTT_PORTS: Mapping[str, int] = {"mqtt": 1883, "mqtts": 8883}
PLACES = ("site", "camera", "noun", "verb")
"""What a topic may have in braces."""
_OWN_SUBJECTS = (
    "clip",
    "crop",
    "dead",
    "detections",
    "events",
    "frame",
    "hint",
    "picture",
    "served",
    "status",
    "track",
)
"""`vedette/events/…` is a subject of ours where the broker is a nats-server, ours perhaps."""
_LONGEST_TOPIC = 1000


def secret_key(secret: SecretText) -> bytes:
    """The key in a secret of the Standard Webhooks specification: 24 to 64 bytes, serialized as `whsec_` and base64.

    Raises ValueError.
    """
    text = secret.reveal()
    try:
        key = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith(SECRET_PREFIX) or len(key) not in _SECRET_BYTES:
        raise ValueError(f"must be {SECRET_PREFIX} and 24 to 64 bytes in base64, {_MADE_BY}") from None
    return key


def _secret(secret: SecretText) -> SecretText:
    secret_key(secret)
    return secret


def _one_or_more(value: Any) -> Any:
    return value if value is None or isinstance(value, list | tuple | dict) else (value,)


def _kinds(given: tuple[str, ...]) -> tuple[str, ...]:
    """Each kind once, in the order of the contract; `zone.*` is all kinds that begin so."""
    wanted: set[str] = set()
    for name in given:
        noun = name.removesuffix("*")
        found = [kind for kind in SCENE_EVENTS if kind == name or (noun != name and kind.startswith(noun))]
        if not found:
            near = difflib.get_close_matches(name, SCENE_EVENTS, n=1)
            hint = f", did you mean {near[0]}?" if near else ""
            raise ValueError(f"names no kind of event{hint} (known: {', '.join(SCENE_EVENTS)}, zone.*)")
        wanted.update(found)
    return tuple(kind for kind in SCENE_EVENTS if kind in wanted)


def _authorization(secret: SecretText) -> SecretText:
    if not _AUTHORIZATION.fullmatch(secret.reveal()):
        raise ValueError("must be one line of ASCII, as in: Bearer 0123abcd")
    return secret


_Names = Annotated[tuple[str, ...], Field(min_length=1, max_length=1000)]
_Ids = Annotated[tuple[Id, ...], Field(min_length=1, max_length=1000)]


class _Selection(Settings):
    """Which events. A sink gets those that all of these let through."""

    kinds: Annotated[_Names, BeforeValidator(_one_or_more), AfterValidator(_kinds)] | None = None
    """As in `[zone.enter, identity.match]`; `zone.*` is all of a noun. Default: all."""
    cameras: Annotated[_Ids, BeforeValidator(_one_or_more)] | None = None
    """Only these cameras'. Default: all of the site."""
    labels: Annotated[_Names, BeforeValidator(_one_or_more)] | None = None
    """Only events of objects with these labels, and those that are not of an object. Default: all."""
    recordings: Flag = False
    """Also what happens in recordings, hours or years late. Default false."""


class _Patience(_Selection):
    """How it is delivered, and what is done where it can't be."""

    tls: Tls = Tls()
    """How the receiver's certificate is checked."""
    timeout_s: Annotated[float, Field(gt=0, le=300)] = 10.0
    """For a whole request, from the connection to the answer. Default 10."""
    in_flight: Annotated[int, Field(ge=1, le=64)] = 4
    """Events under way at a time, each of another camera. Default 4."""
    first_wait_s: Annotated[float, Field(gt=0, le=3600)] = 1.0
    """Before an event is sent again: the most of the first wait, doubled with each attempt ... Default 1."""
    longest_wait_s: Annotated[float, Field(gt=0, le=3600)] = 60.0
    """... up to this. Default 60."""
    attempts: Annotated[int, Field(ge=1, le=100_000)] = 100
    """After so many an event is a dead letter. Default 100: some 45 minutes."""
    give_up_after_h: Annotated[float, Field(gt=0, le=24 * 365)] = 24.0
    """An event that is so old at a failed attempt is a dead letter. Default 24."""


class Webhook(_Patience):
    """A URL that gets each event by a POST."""

    webhook: Annotated[WebhookUrl, AfterValidator(web_url)]
    """`https://…`, or `http://…` where the network is trusted; redirects are not followed."""
    secret: (
        Annotated[
            tuple[Annotated[SecretText, AfterValidator(_secret)], ...],
            BeforeValidator(_one_or_more),
            Field(min_length=1, max_length=4),
        ]
        | None
    ) = None
    """`whsec_…`, with which each request is signed, usually `${file:/run/secrets/hook}`; two while the receiver changes
    from one to the other. Default: not signed."""
    authorization: Annotated[SecretText, AfterValidator(_authorization)] | None = None
    """The header `Authorization` of each request, as in `Bearer …`. Default: none, or the URL's user and password."""

    @property
    def to(self) -> str:
        """Where events go, without what is secret of it."""
        return str(self.webhook)


def _broker(url: SecretUrl) -> SecretUrl:
    """Raises ValueError, without a word of the URL in it."""
    if scheme_of(url) not in MQTT_PORTS or not urlsplit(url.reveal()).hostname:
        raise ValueError("must be mqtt://… or mqtts://…, with a host")
    parts = urlsplit(url.reveal())
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("has more than user, password, host and port; the topic is a key of its own")
    if parts.username is None and parts.password is not None:
        raise ValueError("has a password without a user")
    return url


def _topic(topic: str) -> str:
    names = re.findall(r"\{([^{}]*)\}", topic)
    rest = re.sub(r"\{[^{}]*\}", "", topic)
    first, _, second = topic.partition("/")
    if unknown := [name for name in names if name not in PLACES]:
        raise ValueError(f"knows no {{{unknown[0]}}} (known: {', '.join(f'{{{name}}}' for name in PLACES)})")
    if any(character in rest for character in "{}+#\0") or topic.startswith("$"):
        raise ValueError("must be a topic to publish to: without +, #, single braces, and a $ at its beginning")
    if first == "vedette" and second.partition("/")[0] in _OWN_SUBJECTS:
        raise ValueError(f"vedette/{second.partition('/')[0]}/… is what nats-server calls Vedette's own subjects")
    return topic


class Mqtt(_Patience):
    """An MQTT broker that gets each event as a message."""

    url: Annotated[SecretUrl, AfterValidator(_broker)]
    """`mqtts://user:password@host:port` (8883), or `mqtt://…` (1883) where the network is trusted."""
    topic: Annotated[str, Field(min_length=1, max_length=_LONGEST_TOPIC), AfterValidator(_topic)] = (
        "vedette/{site}/{camera}/{noun}/{verb}"
    )
    """With `{site}`, `{camera}`, `{noun}` and `{verb}`. Default `vedette/{site}/{camera}/{noun}/{verb}`."""
    qos: Literal[1] = 1
    """1, at least once: with 0 nobody knows what arrives, and across connections 2 is no more than 1. Default 1."""
    retain: Flag = False
    """The broker keeps the latest of each topic for who comes later. Default false."""

    @property
    def to(self) -> str:
        """Where events go, without what is secret of it."""
        return f"{self.url} {self.topic}"


def _kind(value: Any) -> str:
    broker = "url" in value and "webhook" not in value if isinstance(value, dict) else isinstance(value, Mqtt)
    return MQTT if broker else WEBHOOK


Sink: TypeAlias = Annotated[Annotated[Webhook, Tag(WEBHOOK)] | Annotated[Mqtt, Tag(MQTT)], Discriminator(_kind)]
"""What is behind a name of `sinks:`."""
