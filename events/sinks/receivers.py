"""What is behind a sink's name: a webhook, or an MQTT broker."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from events.sinks.delivery import Receiver
from events.sinks.webhook import webhook_receiver
from vedette.config.sinks_settings import Sink, Webhook


@asynccontextmanager
async def receiver_of(settings: Sink) -> AsyncIterator[Receiver]:
    """The receiver that a sink's settings mean, connected to when it is needed.

    Raises ConfigError.
    """
    if isinstance(settings, Webhook):
        async with webhook_receiver(settings) as webhook:
            yield webhook
    else:
        from events.sinks.mqtt import mqtt_receiver  # its library is loaded where there is a broker

        async with mqtt_receiver(settings) as broker:
            yield broker
