"""Enrolled people over HTTP, with the shipped models and a real bus; what strangers send enrols nobody."""

import base64
import hashlib
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest

from inference.identities.routes import ADMIN, IdentityRoutes
from tests.inference.guard.pictures import chunk, png
from tests.inference.identities.faces import nobody, portrait, side_by_side
from tests.inference.serving.edge import Served, colours, edge
from tests.inference.serving.test_openapi import check
from tests.inference.worker import ROOT
from vedette.bus.connection import Bus

STAFF = "/api/v1/identities/staff"
_GALLERY, _PERSON = "/api/v1/identities/{gallery}", "/api/v1/identities/{gallery}/{person}"


@asynccontextmanager
async def identities(folder: Path, bus: Bus | None, serving: Any = None, **options: Any) -> AsyncIterator[Served]:
    async with edge(colours(folder), serving, **options) as served:
        if bus is not None:
            for service in served.services:
                if isinstance(service, IdentityRoutes):
                    service.connect(bus)
        yield served


@pytest.fixture(autouse=True)
def shipped_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)  # `models: {path: models}` is the default


async def test_somebody_is_enrolled_shown_and_removed(tmp_path: Path, bus: Bus) -> None:
    async with identities(tmp_path, bus) as served:
        done = await served.post(f"{STAFF}?name=Barack%20Obama", portrait("obama"))
        check(_GALLERY, "post", done)
        assert done.status == 201 and (done.json["added"], done.json["warnings"]) == (1, [])
        person = done.json["person"]
        galleries = await served.ask("GET", "/api/v1/identities")
        check("/api/v1/identities", "get", galleries)
        assert galleries.json == {"galleries": [{"gallery": "staff", "people": 1}]}
        people = await served.ask("GET", STAFF)
        check(_GALLERY, "get", people)
        assert [one["name"] for one in people.json["people"]] == ["Barack Obama"]
        for called in (person, "barack%20obama"):
            shown = await served.ask("GET", f"{STAFF}/{called}")
            check(_PERSON, "get", shown)
            assert "embedding" not in shown.json["faces"][0]
        vector = (await served.ask("GET", f"{STAFF}/{person}?embeddings=true")).json["faces"][0]["embedding"]
        found = np.frombuffer(base64.b64decode(vector["data"]), "<f4")
        assert len(found) == 128 and abs(np.linalg.norm(found) - 1) < 1e-5
        removed = await served.ask("DELETE", f"{STAFF}/{person}")
        check(_PERSON, "delete", removed)
        assert removed.json == {"name": "Barack Obama", "was_enrolled": True, "snapshots_deleted": 0}
        again = await served.ask("DELETE", f"{STAFF}/{person}")
        check(_PERSON, "delete", again)
        assert again.status == 404


async def test_several_pictures_come_as_a_form_or_as_json_and_are_named_in_what_is_said(
    tmp_path: Path, bus: Bus
) -> None:
    form = aiohttp.FormData()
    for name in ("obama", "obama2"):
        form.add_field("file", portrait(name), filename=f"{name}.jpg")
    body = json.dumps({"images": [{"data": base64.b64encode(portrait("biden")).decode(), "name": "b.jpg"}, ""]})
    async with identities(tmp_path, bus) as served:
        assert (await served.post(f"{STAFF}?name=Obama", form)).json["added"] == 2
        said = await served.post(f"{STAFF}?name=Biden", body, {"Content-Type": "application/json"})
        assert said.status == 415 and "the picture is empty" in said.json["error"]
        replaced = await served.post(f"{STAFF}?name=obama&replace=true", portrait("obama2"))
        assert len(replaced.json["faces"]) == 1
        other = await served.post(f"{STAFF}?name=Somebody", portrait("obama"))
        assert "resembles Obama" in other.json["warnings"][0]


def bomb() -> bytes:
    """A PNG that claims 30000x30000 pixels."""
    small = png(np.zeros((8, 8, 3), np.uint8))
    header = (30_000).to_bytes(4, "big") * 2 + small[24:29]
    return small[:8] + chunk(b"IHDR", header) + small[33:]


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        (bomb(), 400, "picture 1: can't be read: 30000x30000 is more than"),
        (portrait("obama")[:5000], 400, "picture 1: can't be read"),
        (portrait("obama")[:200] + b"\xff" * 4000, 400, "picture 1: can't be read"),
        (nobody(), 400, "picture 1: there is no face in it"),
        (side_by_side("obama", "biden"), 400, "picture 1: there are 2 faces in it"),
        (b"", 400, "the body is empty"),
        (b"GIF89a", 415, "neither JPEG, PNG nor WebP"),
        (b"x" * ((1 << 20) + 1), 413, "the body is over 1048576 bytes"),
    ],
    ids=["bomb", "cut off", "damaged", "nobody", "two", "nothing", "gif", "large"],
)
async def test_what_is_no_picture_of_one_face_enrols_nobody(
    tmp_path: Path, bus: Bus, body: bytes, status: int, why: str
) -> None:
    async with identities(tmp_path, bus) as served:
        said = await served.post(f"{STAFF}?name=Anna", io.BytesIO(body))
        check(_GALLERY, "post", said)
        assert said.status == status and said.json["error"].startswith(why)
        assert (await served.ask("GET", STAFF)).json["people"] == []


async def test_what_is_asked_wrongly_is_refused_as_such(tmp_path: Path, bus: Bus) -> None:
    form = aiohttp.FormData()
    for _ in range(9):
        form.add_field("file", nobody(), filename="f")
    url = json.dumps({"url": "http://127.0.0.1/x.jpg"})
    async with identities(tmp_path, bus) as served:
        for path, body, headers, status in (
            (STAFF, portrait("obama"), {}, 400),
            (f"{STAFF}?name=a%0Ab", portrait("obama"), {}, 400),
            (f"{STAFF}?name={'x' * 101}", portrait("obama"), {}, 400),
            (f"{STAFF}?name=Anna&replace=perhaps", portrait("obama"), {}, 400),
            ("/api/v1/identities/Not%20One?name=Anna", portrait("obama"), {}, 400),
            ("/api/v1/identities/%3E?name=Anna", portrait("obama"), {}, 400),
            (f"{STAFF}?name=Anna", form, {}, 413),
            (f"{STAFF}?name=Anna", url, {"Content-Type": "application/json"}, 403),
        ):
            said = await served.post(path, body, headers)
            check(_GALLERY, "post", said)
            assert said.status == status, (path, said.body)
        for person in ("nobody", "*", "%3E", "a.b", "x" * 500):
            said = await served.ask("GET", f"{STAFF}/{person}")
            check(_PERSON, "get", said)
            assert said.status == 404
        assert (await served.ask("GET", STAFF)).json["people"] == []


async def test_who_is_enrolled_is_for_admins_alone(tmp_path: Path, bus: Bus) -> None:
    tokens = [
        {"name": role, "sha256": hashlib.sha256(role.encode()).hexdigest(), "role": role} for role in ("infer", "admin")
    ]
    async with identities(tmp_path, bus, {"tokens": tokens}) as served:
        for method, path in ADMIN:
            url = path.format(gallery="staff", person="anna")
            assert (await served.ask(method, url)).status == 401
            assert (await served.ask(method, url, headers={"Authorization": "Bearer infer"})).status == 403
            assert (await served.ask(method, url, headers={"Authorization": "Bearer admin"})).status in (200, 400, 404)


async def test_without_tokens_people_are_for_this_machine_and_for_no_web_page(tmp_path: Path, bus: Bus) -> None:
    async with identities(tmp_path, bus, host="0.0.0.0") as served:
        assert (await served.ask("GET", STAFF)).status == 403
    async with identities(tmp_path, bus) as served:
        assert (await served.ask("GET", STAFF, headers={"Origin": "https://evil.example"})).status == 403


async def test_without_a_bus_the_answer_is_to_come_back(tmp_path: Path) -> None:
    async with identities(tmp_path, None) as served:
        said = await served.ask("GET", STAFF)
        check(_GALLERY, "get", said)
        assert said.status == 503 and said.headers["Retry-After"]
