"""A sink that is an MQTT broker: one CloudEvent a message, delivered when the broker acknowledges it (QoS 1).

MQTT 5 where the broker speaks it, as its acknowledgements say what became of a message; else MQTT 3.1.1, where a broker
that lets nobody have a message acknowledges it all the same.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from urllib.parse import unquote, urlsplit

from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from events.sinks.mqtt_connection import Broker, MqttConnection, NotConnected, OtherVersion
from events.sinks.sink_event import SinkEvent
from events.sinks.verdict import Outcome, Verdict
from vedette.config.sinks_settings import MQTT_PORTS, PLACES, Mqtt
from vedette.retry import Backoff, Retry
from vedette.tls.trust import trust

_THE_EVENTS_FAULT = frozenset({"Topic name invalid", "Payload format invalid", "Packet too large"})
"""MQTT 5, section 3.4.2.1: the same message will be answered in the same way."""
_ABOUT_THE_BROKER = frozenset({"Quota exceeded", "Server busy"})
_HEADER_BYTES = 256
"""Of a message beside its topic and payload, at most: length, number and properties."""
_PLACE = re.compile(r"\{(\w+)\}")


class MqttReceiver:
    """Connected when there is something to send; lost, it is connected to again by what is sent next."""

    def __init__(self, settings: Mqtt, broker: Broker) -> None:
        self._settings = settings
        self._broker = broker
        self._version = MQTTProtocolVersion.MQTTv5
        self._connection: MqttConnection | None = None
        self._connecting = asyncio.Lock()
        self._retry = Retry(Backoff(settings.first_wait_s, settings.longest_wait_s))
        self._connected_s = 0.0
        self._failure: NotConnected | None = None
        """Of the latest attempt to connect that failed."""

    async def send(self, event: SinkEvent) -> Verdict:
        """Try once."""
        try:
            connection = await self._connect()
        except NotConnected as error:
            return Verdict(Outcome.FAILED, str(error), pause_s=error.pause_s)
        topic = topic_of(self._settings.topic, event.subject)
        if connection.largest_bytes and len(topic) + len(event.payload) + _HEADER_BYTES > connection.largest_bytes:
            return Verdict(Outcome.REFUSED, f"takes no more than {connection.largest_bytes} bytes")
        try:
            return _judged(await connection.publish(topic, event.payload, self._settings.retain), self._retry)
        except NotConnected as error:
            self._drop(connection)
            return Verdict(Outcome.FAILED, str(error), pause_s=self._retry.wait_s(monotonic() - self._connected_s))
        except TimeoutError:
            self._drop(connection)  # what it still holds is not sent behind our back
            return Verdict(Outcome.FAILED, "no acknowledgement in time")

    def close(self) -> None:
        """End the connection, if there is one."""
        if self._connection is not None:
            self._drop(self._connection)

    async def _connect(self) -> MqttConnection:
        """The one that there is, or a new one; once for all that wait for it, as brokers lock out who knocks too often.

        Raises NotConnected.
        """
        known = self._failure
        async with self._connecting:
            if self._connection is not None and self._connection.ended is None:
                return self._connection
            if self._failure is not known:
                raise NotConnected(str(self._failure))
            try:
                self._connection = await self._connected()
            except NotConnected as error:
                error.pause_s = self._retry.wait_s(0.0)
                self._failure = error
                raise
            self._connected_s = monotonic()
            return self._connection

    async def _connected(self) -> MqttConnection:
        """In the version that the broker speaks."""
        try:
            return await self._opened()
        except OtherVersion as error:
            self._version = _other(self._version)
            if not error.said:  # perhaps it was only going down: the next attempt is the other version's
                raise
            return await self._opened()

    async def _opened(self) -> MqttConnection:
        connection = MqttConnection(self._broker, self._version)
        try:
            await connection.open()
        except BaseException:
            connection.close()
            raise
        return connection

    def _drop(self, connection: MqttConnection) -> None:
        connection.close()
        if self._connection is connection:
            self._connection = None


def topic_of(template: str, subject: str) -> str:
    """The topic of an event, of its `vedette.events.<site>.<camera>.<noun>.<verb>`. Pure."""
    names = dict(zip(PLACES, subject.split(".")[2:], strict=True))
    return _PLACE.sub(lambda match: names[match[1]], template)


@asynccontextmanager
async def mqtt_receiver(settings: Mqtt) -> AsyncIterator[MqttReceiver]:
    """The receiver, connected to when it is needed.

    Raises ConfigError.
    """
    url = urlsplit(settings.url.reveal())
    encrypted = url.scheme == "mqtts"
    broker = Broker(
        host=url.hostname or "",
        port=url.port or MQTT_PORTS[url.scheme],
        user=None if url.username is None else unquote(url.username),
        password=None if url.password is None else unquote(url.password),
        trusted=await asyncio.to_thread(trust, settings.tls) if encrypted else None,
        timeout_s=settings.timeout_s,
        in_flight=settings.in_flight,
    )
    receiver = MqttReceiver(settings, broker)
    try:
        yield receiver
    finally:
        receiver.close()


def _judged(reason: ReasonCode, retry: Retry) -> Verdict:
    said = f"answered {reason}"
    if not reason.is_failure:
        retry.failures = 0
        return Verdict(Outcome.DELIVERED, said)
    if str(reason) in _THE_EVENTS_FAULT:
        return Verdict(Outcome.REFUSED, said)
    return Verdict(Outcome.FAILED, said, pause_s=retry.wait_s(0.0) if str(reason) in _ABOUT_THE_BROKER else 0.0)


def _other(version: MQTTProtocolVersion) -> MQTTProtocolVersion:
    five, three = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311
    return three if version == five else five
