"""Credentials taken out of text, before it is logged, shown or put into an error.

Camera URLs hold passwords before the host (RFC 3986 section 3.2.1), in the query, and with some cameras in the path
(`/user=admin_password=x_channel=1`). Passwords with unencoded `@`, `/` or `?` are no valid URLs but are what people
type: in doubt more is hidden than needed. What is known to be a URL is shown by its parts; in other text a URL's
user part reaches up to the last `@` before the next space.
"""

import re

_USER_AND_PASSWORD = re.compile(r"//[^\s/?#@:\[]*:(?!\d{0,5}(?:[/?#\s]|$))\S*@")
_USER = re.compile(r"//[^\s/?#]*@")
_QUERY = re.compile(r"([?&][^=&\s]*(?:token|secret|key|auth)[^=&\s]*=)[^&\s'\"]+", re.IGNORECASE)
_PASSWORD = re.compile(r"((?:password|passwd|pass|pwd)=)[^&\s/'\"]+", re.IGNORECASE)

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_HOST_AND_PORT = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^\s/?#@:\[\]]*)(:\d{0,5})?")
_SECRET_SEGMENT = re.compile(r"pass|pwd|(?:user|token|secret|key|auth)\w*=|#", re.IGNORECASE)


def redact(text: str) -> str:
    """`text` with `//user:password@` as `//***@` in every URL, and what follows `password=` and its like as `***`."""
    text = _USER_AND_PASSWORD.sub("//***@", text)
    text = _USER.sub("//***@", text)
    return _PASSWORD.sub(r"\1***", _QUERY.sub(r"\1***", text))


def redact_url(url: str) -> str:
    """A URL with its scheme, host, port and path; its user part, each value of its query and what looks like a secret
    in its path as `***`. Where an `@` leaves open what is the host, only the scheme is shown."""
    scheme = _SCHEME.match(url)
    if scheme is None:
        return redact(url)
    location, mark, query = url[scheme.end() :].partition("?")
    authority, slash, path = location.partition("/")
    _, at, host = authority.rpartition("@")
    if "@" in path + query or not _HOST_AND_PORT.fullmatch(host):
        return f"{scheme[0]}***"
    segments = "/".join("***" if _SECRET_SEGMENT.search(segment) else segment for segment in path.split("/"))
    values = "&".join(_shown_of_query(part) for part in query.split("&")) if query else ""
    return f"{scheme[0]}{'***@' if at else ''}{host}{slash}{segments}{mark}{values}"


def _shown_of_query(part: str) -> str:
    name, equals, _ = part.partition("=")
    return f"{name}=***" if equals else "***"
