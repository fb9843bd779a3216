"""A repository in an object-store bucket of NATS JetStream (NATS ADR-20), on the configured bus.

Objects are read with our own few lines over the library's messages: its `ObjectStore.get` follows links into other
buckets, never ends if the connection does, and copies all that it has with each chunk (nats-py 2.16).
"""

import asyncio
import base64
import binascii
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, ObjectMeta, ObjectMetaOptions, StreamInfo
from nats.js.errors import BucketNotFoundError, NotFoundError
from nats.js.object_store import ObjectStore
from pydantic import BaseModel, Field, ValidationError

from inference.errors import ModelError
from inference.repository.store import (
    MAX_MODEL_BYTES,
    MAX_OBJECTS,
    Objects,
    RepositoryUnavailable,
    StoredObject,
    bounded,
)
from vedette.bus.address import BusAddress
from vedette.bus.connection import Bus, connect, describe
from vedette.errors import BusUnavailable

logger = logging.getLogger(__name__)

_ANSWER_WITHIN_S = 10.0
_CHUNK_BYTES = 128 * 2**10
_HEADERS_BYTES = 2**10
_CHUNKS_AT_ONCE = 32
_FORGOTTEN_AFTER_S = 30.0

T = TypeVar("T")


class _Meta(BaseModel):
    """What is read of an object's description; others wrote it."""

    nuid: str = Field(pattern=r"^[A-Za-z0-9]{1,64}$")
    size: int = Field(default=0, ge=0)
    deleted: bool = False
    options: dict[str, Any] | None = None

    @property
    def is_link(self) -> bool:
        return bool(self.options and self.options.get("link"))


class BucketStore:
    """Objects of a bucket. Connects at the first request, unless it is given a bus."""

    def __init__(self, address: Callable[[], BusAddress], bucket: str, bus: Bus | None = None) -> None:
        self._address = address
        self._bucket = bucket
        self._stream = f"OBJ_{bucket}"
        self._given = bus
        self._own: Bus | None = None
        self._connecting = asyncio.Lock()
        """Requests that come together make one connection: another one would never be closed."""
        self._seen: tuple[object, Objects] = (None, {})
        """The state of the stream when it was listed last, and what there was."""

    @property
    def where(self) -> str:
        return f"nats:{self._bucket}"

    @property
    def folder(self) -> None:
        return None

    async def objects(self) -> Objects:
        jetstream = await self._jetstream()
        try:
            info = await self._asked(jetstream.stream_info(self._stream))
        except NotFoundError:
            return {}
        state = (info.created, info.state.last_seq)
        if state != self._seen[0]:
            self._seen = (state, bounded(await self._listed(jetstream, info), self.where))
        return self._seen[1]

    async def _listed(self, jetstream: JetStreamContext, info: StreamInfo) -> Objects:
        if info.state.messages == 0:
            return {}
        objects: dict[str, StoredObject] = {}
        async with self._reading(jetstream, f"$O.{self._bucket}.M.>", DeliverPolicy.LAST_PER_SUBJECT) as reading:
            pending = (await self._asked(reading.consumer_info())).num_pending or 0
            if pending > MAX_OBJECTS:
                raise ModelError(f"{self.where}: over {MAX_OBJECTS} objects: no model repository")
            while pending > 0:
                messages = await self._asked(reading.fetch(min(pending, 256), _ANSWER_WITHIN_S))
                pending -= len(messages)
                for message in messages:
                    self._note(objects, message.subject, message.data)
        return objects

    def _note(self, objects: dict[str, StoredObject], subject: str, data: bytes) -> None:
        try:
            path = base64.urlsafe_b64decode(subject.rpartition(".")[2]).decode()
            meta = _Meta.model_validate_json(data)
        except (binascii.Error, UnicodeDecodeError, ValidationError):
            logger.warning("%s: an object without a proper description is left out", self.where)
            return
        if not meta.deleted and not meta.is_link:
            objects[path] = StoredObject(meta.size, meta.nuid)

    async def read(self, path: str) -> AsyncGenerator[bytes, None]:
        jetstream, place = await self._jetstream(), f"{self.where}/{path}"
        meta = await self._meta(jetstream, path)
        if meta.size > MAX_MODEL_BYTES:
            raise ModelError(f"{place}: {meta.size} bytes are over the limit of {MAX_MODEL_BYTES}")
        had = 0
        async with self._reading(jetstream, f"$O.{self._bucket}.C.{meta.nuid}", DeliverPolicy.ALL) as reading:
            while had < meta.size:
                for message in await self._asked(reading.fetch(_CHUNKS_AT_ONCE, _ANSWER_WITHIN_S), place):
                    had += len(message.data)
                    if had > meta.size:
                        raise ModelError(f"{place}: is larger than the {meta.size} bytes that it says")
                    yield message.data

    async def _meta(self, jetstream: JetStreamContext, path: str) -> _Meta:
        place = f"{self.where}/{path}"
        try:
            message = await self._asked(jetstream.get_last_msg(self._stream, self._meta_subject(path)), place)
            meta = _Meta.model_validate_json(message.data or b"")
        except NotFoundError:
            raise ModelError(f"{place}: no such object") from None
        except ValidationError:
            raise ModelError(f"{place}: its description is damaged") from None
        if meta.deleted:
            raise ModelError(f"{place}: no such object")
        if meta.is_link:
            raise ModelError(f"{place}: is a link to another object; links are not followed")
        return meta

    async def write(self, path: str, source: Path) -> None:
        jetstream = await self._jetstream()
        store = await self._asked(self._bucket_to_write(jetstream))
        chunk_bytes = min(_CHUNK_BYTES, jetstream._nc.max_payload - _HEADERS_BYTES)
        meta = ObjectMeta(name=path, options=ObjectMetaOptions(max_chunk_size=chunk_bytes))
        try:
            file = await asyncio.to_thread(source.open, "rb")
        except OSError as error:
            raise ModelError(f"{source}: {error.strerror}") from error
        with file:
            await self._asked(store.put(path, file, meta), f"{self.where}/{path}")

    async def _bucket_to_write(self, jetstream: JetStreamContext) -> ObjectStore:
        try:
            return await jetstream.object_store(self._bucket)
        except BucketNotFoundError:
            replicas = self._address().replicas
            return await jetstream.create_object_store(self._bucket, description="Vedette models", replicas=replicas)

    async def remove(self, path: str) -> None:
        jetstream = await self._jetstream()
        place = f"{self.where}/{path}"
        try:
            store = await self._asked(jetstream.object_store(self._bucket), place)
            await self._asked(store.delete(path), place)
        except NotFoundError:
            raise ModelError(f"{place}: no such object") from None

    async def close(self) -> None:
        if self._own is not None:
            await self._own.close()
            self._own = None

    def _meta_subject(self, path: str) -> str:
        return f"$O.{self._bucket}.M.{base64.urlsafe_b64encode(path.encode()).decode()}"

    async def _jetstream(self) -> JetStreamContext:
        if self._given is not None:
            return self._given.jetstream
        async with self._connecting:
            if self._own is not None and self._own.client.is_closed:  # ended for good: perhaps not the next one
                await self.close()
            if self._own is None:
                try:
                    self._own = await connect(self._address(), "models", give_up_after_s=0, keeps_streams=False)
                except BusUnavailable as error:
                    raise RepositoryUnavailable(f"{self.where}: {error}") from error
            return self._own.jetstream

    @asynccontextmanager
    async def _reading(
        self, jetstream: JetStreamContext, subject: str, first: DeliverPolicy
    ) -> AsyncIterator[JetStreamContext.PullSubscription]:
        """A consumer that takes as much as it asks for; the server forgets it when it is left."""
        config = ConsumerConfig(
            deliver_policy=first, ack_policy=AckPolicy.NONE, inactive_threshold=_FORGOTTEN_AFTER_S, mem_storage=True
        )
        reading = await self._asked(jetstream.pull_subscribe(subject, stream=self._stream, config=config))
        try:
            yield reading
        finally:
            with suppress(NatsError, TimeoutError):
                await reading.unsubscribe()

    async def _asked(self, request: Awaitable[T], place: str = "") -> T:
        """The answer. Raises NotFoundError as it is, all else as RepositoryUnavailable."""
        try:
            return await request
        except NotFoundError:
            raise
        except (NatsError, TimeoutError) as error:
            raise RepositoryUnavailable(f"{place or self.where}: {describe(error)}") from error
