"""Enrolled people over HTTP. All of it is for the role admin: who is enrolled is personal data.

GET    /api/v1/identities                      the galleries, and how many people each has
GET    /api/v1/identities/{gallery}            its people
POST   /api/v1/identities/{gallery}?name=Anna  enrol with the pictures of the body (as :detect takes them)
GET    /api/v1/identities/{gallery}/{person}   one of them, by id or name; ?embeddings=true
DELETE /api/v1/identities/{gallery}/{person}   remove, with the snapshots that show them
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiohttp import web

from inference.identities.enrolment import NotEnrolled, Picture, enrol, remove
from inference.identities.reader_source import ReaderSource
from inference.identities.shown import enrolled_as_json, entry_as_json, removed_as_json
from inference.repository.repository import ModelRepository
from inference.repository.store import RepositoryUnavailable
from inference.serving.limits import Limits
from inference.serving.refusal import Refused
from inference.serving.vision.pictures import read_pictures
from vedette.bus.connection import Bus
from vedette.config.config import Config
from vedette.errors import BusUnavailable, Conflict, VedetteError
from vedette.identities.record import WrongName, checked_name
from vedette.identities.store import IdentityStore, UnknownPerson
from vedette.ids import ID_PATTERN, is_id
from vedette.secrets.sealing import identities_sealer_of
from vedette.snapshots.store import SnapshotStore

logger = logging.getLogger(__name__)

_ALL = "/api/v1/identities"
_GALLERY = f"{_ALL}/{{gallery}}"
_PERSON = f"{_GALLERY}/{{person}}"
MOST_PICTURES = 8
"""In one request."""

ADMIN = frozenset({("GET", _ALL), ("GET", _GALLERY), ("POST", _GALLERY), ("GET", _PERSON), ("DELETE", _PERSON)})
"""Methods and paths of the routes: all of them."""


class _Connected(NamedTuple):
    """What the routes work with."""

    store: IdentityStore
    snapshots: SnapshotStore
    source: ReaderSource


class IdentityRoutes:
    """`connect` gives it a bus; until then it answers 503."""

    def __init__(self, config: Config, repository: ModelRepository, limits: Limits) -> None:
        self._config = config
        self._repository = repository
        self._limits = limits
        self._bus: Bus | None = None
        self._connected: _Connected | None = None

    def connect(self, bus: Bus) -> None:
        """From now on it serves."""
        self._bus = bus

    @property
    def routes(self) -> Sequence[web.RouteDef]:
        return [
            web.get(_ALL, self._galleries, allow_head=False),
            web.get(_GALLERY, self._people, allow_head=False),
            web.post(_GALLERY, self._enrol),
            web.get(_PERSON, self._person, allow_head=False),
            web.delete(_PERSON, self._remove),
        ]

    async def _galleries(self, request: web.Request) -> web.Response:
        async with self._answering() as use:
            people = Counter(entry.gallery for entry in await use.store.read())
            found = [{"gallery": name, "people": count} for name, count in sorted(people.items())]
            return web.json_response({"galleries": found})

    async def _people(self, request: web.Request) -> web.Response:
        gallery = _gallery(request)
        async with self._answering() as use:
            people = [entry_as_json(entry) for entry in await use.store.read(gallery)]
            return web.json_response({"gallery": gallery, "people": people})

    async def _person(self, request: web.Request) -> web.Response:
        gallery, embeddings = _gallery(request), _flag(request, "embeddings")
        async with self._answering() as use:
            entry = await use.store.find(gallery, request.match_info["person"])
            return web.json_response(entry_as_json(entry, embeddings))

    async def _enrol(self, request: web.Request) -> web.Response:
        gallery, name, replace = _gallery(request), _name(request), _flag(request, "replace")
        pictures = await self._pictures(request)
        threshold = self._config.identities.threshold_of(gallery)
        async with self._answering() as use, use.source.reader() as reader:
            done = await enrol(use.store, reader, gallery, name, pictures, threshold, replace)
        logger.info("gallery %s: %d pictures of %s enrolled", gallery, done.added, done.record.person)
        return web.json_response(enrolled_as_json(done), status=201)

    async def _remove(self, request: web.Request) -> web.Response:
        gallery, person = _gallery(request), request.match_info["person"]
        async with self._answering() as use:
            done = await remove(use.store, use.snapshots, gallery, person)
        logger.info("gallery %s: somebody removed, with %d snapshots", gallery, done.snapshots)
        return web.json_response(removed_as_json(done))

    async def _pictures(self, request: web.Request) -> list[Picture]:
        """Of the body. Raises Refused."""
        given = (await read_pictures(request, self._limits.body_bytes)).given
        if len(given) > MOST_PICTURES:
            raise Refused("too_large", f"more than {MOST_PICTURES} pictures in one enrolment")
        return [
            Picture(one.name[:200] or f"picture {number}", await one.bytes_of(None))
            for number, one in enumerate(given, start=1)
        ]

    @asynccontextmanager
    async def _answering(self) -> AsyncIterator[_Connected]:
        """What goes wrong in the body is answered as what it is."""
        try:
            async with asyncio.timeout(self._limits.timeout_s):
                yield await self._use()
        except TimeoutError:
            raise Refused("late", "the deadline passed") from None
        except UnknownPerson as error:
            raise Refused("unknown", str(error)) from None
        except (NotEnrolled, WrongName) as error:
            raise Refused("invalid", str(error)) from None
        except (BusUnavailable, RepositoryUnavailable, Conflict) as error:
            raise Refused("unavailable", str(error), 1.0) from None
        except Refused:
            raise
        except VedetteError as error:
            raise Refused("failed", str(error)) from None

    async def _use(self) -> _Connected:
        """Raises Refused, ConfigError."""
        if self._bus is None:
            raise Refused("unavailable", "there is no bus yet", 1.0)
        if self._connected is None:
            sealer = await asyncio.to_thread(identities_sealer_of, self._config)
            source = ReaderSource(self._config, self._repository, self._bus)
            self._connected = _Connected(IdentityStore(self._bus, sealer), SnapshotStore(self._bus), source)
        return self._connected


def _gallery(request: web.Request) -> str:
    """Raises Refused."""
    if not is_id(name := request.match_info["gallery"]):
        raise Refused("invalid", f"a gallery's name matches {ID_PATTERN}")
    return name


def _name(request: web.Request) -> str:
    """Raises Refused."""
    try:
        return checked_name(request.query.get("name", ""))
    except WrongName as error:
        raise Refused("invalid", f"name: {error}") from None


def _flag(request: web.Request, key: str) -> bool:
    """Raises Refused."""
    text = request.query.get(key, "false").lower()
    if text not in ("true", "false"):
        raise Refused("invalid", f"{key} is true or false")
    return text == "true"
