"""The console's files: read once, served from memory, with headers that let the page load nothing from elsewhere."""

import hashlib
import mimetypes
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

_FOLDER = Path(__file__).parent / "static"
_INDEX = "index.html"
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self';"
        " manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-cache",
}
"""`no-cache`: kept by the browser, and asked for by its ETag, so that an update is there at once."""
_TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml"}


def routes() -> list[web.RouteDef]:
    """A route a file; the page itself at `/`. All its addresses are relative: it works behind a path prefix."""
    files = sorted(path for path in _FOLDER.rglob("*") if path.is_file())
    served = {f"/{path.relative_to(_FOLDER).as_posix()}": path for path in files}
    served["/"] = served.pop(f"/{_INDEX}")
    return [web.get(url, _handler(path)) for url, path in served.items()]


def _handler(path: Path) -> Callable[[web.Request], Awaitable[web.Response]]:
    body = path.read_bytes()
    etag = hashlib.sha256(body).hexdigest()[:32]
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"

    async def serve(request: web.Request) -> web.Response:
        known = request.if_none_match
        response = web.Response(headers=_HEADERS)
        response.etag = etag
        if known and any(tag.value == etag for tag in known):
            response.set_status(304)
        else:
            response.body = body
            response.content_type = kind
            if kind.startswith("text/"):
                response.charset = "utf-8"
        return response

    return serve
