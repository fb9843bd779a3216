"""`sinks:` of the configuration: who is told of events besides those that read them from NATS."""

import base64
import binascii
import difflib
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from vedette.camera_settings import Tls
from vedette.ids import Id
from vedette.object_messages import SCENE_EVENTS
from vedette.secret import SecretText, WebhookUrl
from vedette.settings import Flag, Settings
from vedette.url_scheme import web_url

SECRET_PREFIX = "whsec_"  # noqa: S105 -- what secrets begin with
_SECRET_BYTES = range(24, 65)
_MADE_BY = "as made by: echo whsec_$(head -c 32 /dev/urandom | base64 -w 0)"
_AUTHORIZATION = re.compile(r"[\x21-\x7e]+( [\x21-\x7e]+)*")


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


class Webhook(_Selection):
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
    tls: Tls = Tls()
    """How the receiver's certificate is checked."""
    timeout_s: Annotated[float, Field(gt=0, le=300)] = 10.0
    """For a whole request, from the connection to the answer. Default 10."""
    in_flight: Annotated[int, Field(ge=1, le=64)] = 4
    """Requests at a time, each of another camera. Default 4."""
    first_wait_s: Annotated[float, Field(gt=0, le=3600)] = 1.0
    """Before an event is sent again: the most of the first wait, doubled with each attempt ... Default 1."""
    longest_wait_s: Annotated[float, Field(gt=0, le=3600)] = 60.0
    """... up to this. Default 60."""
    attempts: Annotated[int, Field(ge=1, le=100_000)] = 100
    """After so many an event is a dead letter. Default 100: some 45 minutes."""
    give_up_after_h: Annotated[float, Field(gt=0, le=24 * 365)] = 24.0
    """An event that is so old at a failed attempt is a dead letter. Default 24."""


Sink = Webhook
"""What is behind a name of `sinks:`; the first key says which kind it is."""
