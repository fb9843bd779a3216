"""Why a request over HTTP had no answer, in words that never quote its URL, as the library's own may."""

import os

import aiohttp

FAILURES = (aiohttp.ClientError, TimeoutError, OSError, ValueError)
"""What aiohttp's client raises; ValueError for URLs that are none."""


def reason(error: Exception) -> str:
    """Of one of `FAILURES`."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return "its certificate is not trusted, or not the host's"
        case aiohttp.ClientSSLError():
            return "no TLS could be agreed on"
        case aiohttp.ClientConnectorDNSError():
            return "its name is not known"
        case aiohttp.ClientConnectorError():
            number = error.os_error.errno or 0
            return f"no connection{f': {os.strerror(number)}' if number > 0 else ''}"
        case TimeoutError():
            return "no answer in time"
        case aiohttp.ClientResponseError():
            return "answered what is no HTTP"
        case aiohttp.ServerDisconnectedError() | ConnectionResetError() | BrokenPipeError():
            return "ended the connection without an answer"
        case aiohttp.InvalidURL():
            return "is no URL that can be asked"
        case _:
            return type(error).__name__
