"""The scheme of a URL that may hold a password."""

import re
from urllib.parse import urlsplit

from vedette.secrets.secret import SecretUrl

_UNENCODED = re.compile(r"(?!file:)[A-Za-z][A-Za-z0-9+.-]*://(.*\s|[^/?#]*[/?#].*@)", re.DOTALL)
"""A URL with white space, or with an `@` of which nobody knows whether a password or the path has it."""


def scheme_of(url: SecretUrl) -> str:
    """Its scheme. Raises ValueError, without a word of the URL in it."""
    if _UNENCODED.match(url.reveal()):
        raise ValueError("has a space, or an @ after a / or ?: percent-encode it (or use ${NAME}, which does)")
    try:
        return urlsplit(url.reveal()).scheme
    except ValueError:
        # The library's text quotes the password (and must not be chained).
        raise ValueError("is no valid URL; percent-encode special characters of the password") from None


def web_url(url: SecretUrl) -> SecretUrl:
    """`url`, to which requests can be sent. Raises ValueError, without a word of the URL in it."""
    if scheme_of(url) not in ("http", "https") or not urlsplit(url.reveal()).hostname:
        raise ValueError("must be http://… or https://…, with a host")
    return url
