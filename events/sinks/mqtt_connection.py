"""One connection to an MQTT broker, from its beginning to its end.

The library does the network in a thread of its own; what that says is handed to the event loop. A connection that is
lost is not taken up again: the library would send what it still holds, and nobody could say any more in which order.
"""

import asyncio
import secrets
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from vedette.errors import VedetteError
from vedette.messages import CLOUDEVENT_CONTENT_TYPE

_KEEP_ALIVE_S = 30
_ENDED = "ended the connection"


class NotConnected(VedetteError):
    """There is no connection, or none any more; the text says why."""

    pause_s = 0.0
    """How long it is better not to try again."""


class OtherVersion(NotConnected):
    """The broker does not speak this version of MQTT: it says so, or goes without a word, as those of old may."""

    def __init__(self, text: str, said: bool) -> None:
        super().__init__(text)
        self.said = said


@dataclass(frozen=True, slots=True)
class Broker:
    """Where one is, and how it is spoken to."""

    host: str
    port: int
    user: str | None
    password: str | None
    trusted: ssl.SSLContext | None
    """None: no TLS."""
    timeout_s: float
    in_flight: int


class TlsSocket(ssl.SSLSocket):
    """Closed when no TLS can be agreed on; the library leaves it open then (paho-mqtt 2.2)."""

    def do_handshake(self, block: bool = False) -> None:
        """As it is."""
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


class MqttConnection:
    """`open` it, then `publish`; `close` it in the end, whatever happened."""

    def __init__(self, broker: Broker, version: MQTTProtocolVersion) -> None:
        self.largest_bytes: int | None = None
        """Of a message, as the broker says (MQTT 5)."""
        self.ended: str | None = None
        """Why, once it has."""
        self._broker = broker
        self._loop = asyncio.get_running_loop()
        self._accepted: asyncio.Future[None] = self._loop.create_future()
        self._unanswered: dict[int, asyncio.Future[ReasonCode]] = {}
        self._room = asyncio.Semaphore(broker.in_flight)
        self._version = version
        self._client = self._new_client()

    async def open(self) -> None:
        """Returns when the broker has accepted. Raises NotConnected."""
        threading.Thread(target=self._connect, name="mqtt-connect", daemon=True).start()
        try:
            async with asyncio.timeout(self._broker.timeout_s):
                await self._accepted
        except TimeoutError:
            raise NotConnected("no answer in time") from None

    async def publish(self, topic: str, payload: bytes, retain: bool) -> ReasonCode:
        """The broker's acknowledgement (QoS 1). Raises NotConnected, TimeoutError."""
        async with self._room:
            return await self._publish(topic, payload, retain)

    async def _publish(self, topic: str, payload: bytes, retain: bool) -> ReasonCode:
        if self.ended is not None:
            raise NotConnected(self.ended)
        sent = self._client.publish(topic, payload, 1, retain, self._properties())
        if sent.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise NotConnected(_ENDED)
        answer: asyncio.Future[ReasonCode] = self._loop.create_future()
        self._unanswered[sent.mid] = answer
        try:
            async with asyncio.timeout(self._broker.timeout_s):
                return await answer
        finally:
            self._unanswered.pop(sent.mid, None)

    def close(self) -> None:
        """In order, where the broker still listens; the library's thread ends by itself."""
        self._end("closed")
        self._client.disconnect()

    def _new_client(self) -> Client:
        # An id of its own for each: two with the same one would throw each other out.
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"vedette-{secrets.token_hex(6)}",
            protocol=self._version,
            clean_session=None if self._version == MQTTProtocolVersion.MQTTv5 else True,
            reconnect_on_failure=False,
        )
        client.connect_timeout = self._broker.timeout_s
        client.max_inflight_messages_set(self._broker.in_flight)
        if self._broker.user is not None:
            client.username_pw_set(self._broker.user, self._broker.password)
        if self._broker.trusted is not None:
            self._broker.trusted.sslsocket_class = TlsSocket
            client.tls_set_context(self._broker.trusted)
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_publish = self._on_publish
        return client

    def _properties(self) -> Properties | None:
        """CloudEvents MQTT Protocol Binding 1.0.2, section 3.2: structured mode."""
        if self._version != MQTTProtocolVersion.MQTTv5:
            return None
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ContentType = f"{CLOUDEVENT_CONTENT_TYPE}; charset=utf-8"
        return properties

    # In threads of their own

    def _connect(self) -> None:
        client = self._client
        try:
            client.connect(self._broker.host, self._broker.port, _KEEP_ALIVE_S)
        except Exception as error:  # noqa: BLE001 -- whatever it is, it is said to who waits
            self._hand_over(self._refuse, NotConnected(_why(error)))
            return
        client.loop_start()
        if self.ended is not None:  # nobody waits any more
            client.disconnect()

    def _on_connect(
        self, client: Client, data: Any, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        text = f"refused the connection: {reason}"
        if not reason.is_failure:
            room, largest_bytes = (getattr(properties, key, None) for key in ("ReceiveMaximum", "MaximumPacketSize"))
            self._hand_over(self._accept, room, largest_bytes)
        elif str(reason) == "Unsupported protocol version":
            self._hand_over(self._refuse, OtherVersion(text, said=True))
        else:
            self._hand_over(self._refuse, NotConnected(text))

    def _on_disconnect(
        self, client: Client, data: Any, flags: DisconnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        said = f": {reason}" if flags.is_disconnect_packet_from_server else ""
        self._hand_over(self._end, f"{_ENDED}{said}")

    def _on_publish(
        self, client: Client, data: Any, number: int, reason: ReasonCode, properties: Properties | None
    ) -> None:
        self._hand_over(self._answer, number, reason)

    def _hand_over(self, function: Callable[..., None], *arguments: Any) -> None:
        with suppress(RuntimeError):  # the event loop is gone, and who waited with it
            self._loop.call_soon_threadsafe(function, *arguments)

    # In the event loop

    def _accept(self, room: int | None, largest_bytes: int | None) -> None:
        self.largest_bytes = largest_bytes
        self._room = asyncio.Semaphore(min(self._broker.in_flight, room or self._broker.in_flight))
        if not self._accepted.done():
            self._accepted.set_result(None)

    def _refuse(self, error: NotConnected) -> None:
        if not self._accepted.done():
            self._accepted.set_exception(error)
        self._end(str(error))

    def _answer(self, number: int, reason: ReasonCode) -> None:
        answer = self._unanswered.get(number)
        if answer is not None and not answer.done():
            answer.set_result(reason)

    def _end(self, why: str) -> None:
        if self.ended is not None:
            return
        self.ended = why
        if not self._accepted.done():
            self._accepted.set_exception(OtherVersion(f"{why} without an answer", said=False))
            self._accepted.exception()  # looked at, should nobody wait any more
        for answer in self._unanswered.values():
            if not answer.done():
                answer.set_exception(NotConnected(why))


def _why(error: Exception) -> str:
    """In words of ours: the library's may have anything in them."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return "its certificate is not trusted, or not the host's"
    if isinstance(error, ssl.SSLError):
        return "no TLS could be agreed on"
    if isinstance(error, socket.gaierror):
        return "its name is not known"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return f"no connection: {error.strerror}"
    return f"no connection ({type(error).__name__})"
