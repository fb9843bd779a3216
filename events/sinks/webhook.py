"""A sink that is a URL: one CloudEvent a request, in structured mode (CloudEvents HTTP Protocol Binding 1.0.2)."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from events.sinks.signature import webhook_headers, webhook_id
from events.sinks.sink_event import SinkEvent
from events.sinks.verdict import Outcome, Verdict, judged
from vedette.config.sinks_settings import Webhook, secret_key
from vedette.http.post import PostFailed, post, post_session
from vedette.messages import CLOUDEVENT_CONTENT_TYPE
from vedette.tracing.context import HEADER

_CONTENT_TYPE = f"{CLOUDEVENT_CONTENT_TYPE}; charset=utf-8"


class WebhookReceiver:
    """Sends events to one URL."""

    def __init__(self, settings: Webhook, session: aiohttp.ClientSession) -> None:
        self._url = settings.webhook
        self._session = session
        self._keys = [secret_key(secret) for secret in settings.secret or ()]
        authorization = {"Authorization": settings.authorization.reveal()} if settings.authorization else {}
        self._headers = {"Content-Type": _CONTENT_TYPE, "User-Agent": "vedette", **authorization}

    async def send(self, event: SinkEvent) -> Verdict:
        """Try once."""
        signature = webhook_headers(webhook_id(event.id), time.time(), event.payload, self._keys)
        trace = {HEADER: event.traceparent} if event.traceparent is not None else {}
        try:
            return judged(await post(self._session, self._url, event.payload, self._headers | signature | trace))
        except PostFailed as error:
            return Verdict(Outcome.FAILED, str(error))


@asynccontextmanager
async def webhook_receiver(settings: Webhook) -> AsyncIterator[WebhookReceiver]:
    """The receiver, connected to when it is needed.

    Raises ConfigError.
    """
    async with post_session(settings.timeout_s, settings.tls, settings.in_flight) as session:
        yield WebhookReceiver(settings, session)
