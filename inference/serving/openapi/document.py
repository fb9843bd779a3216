"""The whole description, and its route."""

import asyncio
import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from aiohttp import web

from inference.serving.openapi import identities, process, v2, vision
from inference.serving.openapi.parts import problems
from inference.serving.openapi.schemas import schemas
from inference.serving.v2.metadata import VERSION
from vedette.debug.openapi import paths as debug_paths


def document() -> dict[str, Any]:
    """OpenAPI 3.1."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Vedette inference",
            "version": VERSION,
            "description": "One model: pictures in, JSON out; Open Inference Protocol v2; roll-outs; enrolled people.",
        },
        "paths": {**vision.paths(), **v2.paths(), **identities.paths(), **process.paths(), **debug_paths()},
        "components": {
            "schemas": schemas(),
            "responses": problems(),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "One of `serving.tokens`."}
            },
        },
        "security": [{"token": []}, {}],
    }


@lru_cache(1)
def text() -> str:
    """As it is committed, and served."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


class OpenApi:
    """`/openapi.json`."""

    @property
    def routes(self) -> Sequence[web.RouteDef]:
        return [web.get("/openapi.json", self._get)]

    async def _get(self, _: web.Request) -> web.Response:
        return web.Response(text=await asyncio.to_thread(text), content_type="application/json")
