"""SOAP 1.2 envelopes: made of a body, and read from hostile bytes."""

import base64
import datetime as dt
import hashlib
import secrets
from dataclasses import dataclass, field
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from gateway.errors import GatewayError

SOAP = "http://www.w3.org/2003/05/soap-envelope"
_WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss"
_DIGEST = f"{_WSSE}-username-token-profile-1.0#PasswordDigest"
_BASE64 = f"{_WSSE}-soap-message-security-1.0#Base64Binary"
MAX_BYTES = 1 << 20
_BIGGEST = 1e6
Element = ElementTree.Element


class OnvifError(GatewayError):
    """A device did not answer, or not with what was asked for. The text holds no credentials."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user of an ONVIF device."""

    user: str
    password: str = field(repr=False)


def envelope(body: str, header: str = "") -> bytes:
    """A SOAP message of XML texts."""
    text = f'<s:Envelope xmlns:s="{SOAP}"><s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>'
    return ('<?xml version="1.0" encoding="UTF-8"?>' + text).encode()


def security(credentials: Credentials, created: dt.datetime) -> str:
    """The header that proves the password without telling it (WS-Security UsernameToken Profile 1.0, section 3.1).

    `created` must be near the device's own time; devices refuse old tokens.
    """
    nonce = secrets.token_bytes(16)
    at = created.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    digest = hashlib.sha1(nonce + at.encode() + credentials.password.encode(), usedforsecurity=False).digest()
    return (
        f'<Security s:mustUnderstand="1" xmlns="{_WSSE}-wssecurity-secext-1.0.xsd"><UsernameToken>'
        f"<Username>{escape(credentials.user)}</Username>"
        f'<Password Type="{_DIGEST}">{base64.b64encode(digest).decode()}</Password>'
        f'<Nonce EncodingType="{_BASE64}">{base64.b64encode(nonce).decode()}</Nonce>'
        f'<Created xmlns="{_WSSE}-wssecurity-utility-1.0.xsd">{at}</Created>'
        "</UsernameToken></Security>"
    )


def parse(data: bytes) -> Element:
    """The body of a SOAP message.

    A DTD, which SOAP forbids (SOAP 1.2 part 1, section 5), is refused, and entities with it; the text must be UTF-8,
    whatever it says of itself, so that no other encoding hides one.

    Raises:
        OnvifError: it is none, or a fault.
    """
    try:
        text = data.decode("utf-8-sig")
        if "<!DOCTYPE" in text:
            raise OnvifError("the answer has a DTD, which no SOAP message may have")
        root = ElementTree.fromstring(text)  # noqa: S314 - there are no entities without a DTD
    except (UnicodeDecodeError, ElementTree.ParseError, ValueError):
        raise OnvifError("the answer is no XML") from None
    body = root.find("{*}Body")
    if body is None:
        raise OnvifError("the answer is no SOAP message")
    fault = body.find("{*}Fault")
    if fault is not None:
        raise OnvifError(_reason(fault))
    return body


def text_of(element: Element | None, path: str) -> str | None:
    """The text of the first element at `path`; namespaces don't matter: devices get them wrong."""
    if element is None:
        return None
    found = element.find("/".join(name if name == "." else f"{{*}}{name}" for name in path.split("/")))
    return plain(found.text) if found is not None and found.text else None


def plain(text: str) -> str:
    """What a device says, for terminals and logs: in one line, without control characters."""
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()


def number_of(element: Element | None, path: str) -> float | None:
    """The same as a number, of a size that means something."""
    try:
        number = float(text_of(element, path) or "")
    except ValueError:
        return None
    return number if abs(number) < _BIGGEST else None


def _reason(fault: Element) -> str:
    words = [text_of(fault, "Reason/Text"), *(node.text for node in fault.iter() if node.tag.endswith("}Value"))]
    said = ": ".join(" ".join(word.split())[:200] for word in words if word)
    if "NotAuthorized" in said or "FailedAuthentication" in said:
        return "wrong user name or password, or this user may not do that"
    return f"the device refuses: {said}" if said else "the device refuses"
