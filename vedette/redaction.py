"""Credentials taken out of text, before it is logged, shown or put into an error.

Camera URLs hold passwords in two places: before the host (RFC 3986 section 3.2.1) and, with some cameras, in the
query. Passwords with unencoded `@`, `/` or `?` are no valid URLs but are what people type: in doubt more is hidden
than needed, up to the last `@` before the next space.
"""

import re

_USER_AND_PASSWORD = re.compile(r"//[^\s/?#@:\[]*:(?!\d{0,5}(?:[/?#\s]|$))\S*@")
_USER = re.compile(r"//[^\s/?#]*@")
_QUERY = re.compile(r"([?&][^=&\s]*(?:pass|pwd|passwd|token|secret|key|auth)[^=&\s]*=)[^&\s'\"]+", re.IGNORECASE)


def redact(text: str) -> str:
    """`text` with `//user:password@` as `//***@` in every URL, and secrets in queries as `***`."""
    text = _USER_AND_PASSWORD.sub("//***@", text)
    text = _USER.sub("//***@", text)
    return _QUERY.sub(r"\1***", text)
