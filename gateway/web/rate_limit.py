"""How often one address may ask: the first thing that is looked at, before a body is read or a token compared."""

from collections.abc import Awaitable, Callable
from ipaddress import IPv6Address, ip_address, ip_network

from aiohttp import web
from aiohttp.typedefs import Middleware

from gateway.metrics import REQUESTS_REFUSED
from gateway.web.problem import HttpProblem
from vedette.token_bucket import TokenBuckets

SECONDS_AT_ONCE = 10
"""What would be allowed in so many seconds may come at once: a page has dozens of parts."""
_EXEMPT = frozenset({"/healthz", "/readyz", "/metrics"})
_LOOKS = frozenset({"GET", "HEAD", "OPTIONS"})
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def rate_limit(requests_per_s: float, changes_per_s: float) -> Middleware:
    """Answers 429 to an address that asks more often. Behind a proxy, all its clients are one address."""
    requests = TokenBuckets(requests_per_s, max(1.0, requests_per_s * SECONDS_AT_ONCE))
    changes = TokenBuckets(changes_per_s, max(1.0, changes_per_s * SECONDS_AT_ONCE))

    @web.middleware
    async def limited(request: web.Request, handler: _Handler) -> web.StreamResponse:
        if request.path not in _EXEMPT:
            client = client_of(request.remote or "")
            for buckets in (requests,) if request.method in _LOOKS else (requests, changes):
                bucket = buckets.of(client)
                if not bucket.take():
                    REQUESTS_REFUSED.labels("rate").inc()
                    wait_s = int(bucket.wait_s) + 1
                    raise HttpProblem(
                        429, f"too many requests; again in {wait_s} s", headers={"Retry-After": f"{wait_s}"}
                    )
        return await handler(request)

    return limited


def client_of(address: str) -> str:
    """Who is counted as one: an address, of IPv6 the network of 64 bits that one customer has at least."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    return str(parsed.ipv4_mapped or ip_network((parsed, 64), strict=False))
