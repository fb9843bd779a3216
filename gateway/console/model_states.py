"""The models that serve: their processes, versions and roll-outs, and how long a picture takes them just now."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from statistics import median
from typing import Any

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.errors import KeyNotFoundError, NoKeysError
from pydantic import ValidationError

from vedette.buckets import ROLLOUTS
from vedette.bus.connection import Bus, describe
from vedette.config.pipeline_settings import Pipeline, Stage
from vedette.errors import BusUnavailable
from vedette.fleet.members import Member, live_members
from vedette.messages import Detections, DetectionsEvent
from vedette.subjects import detections_filter

_LISTEN_S = 1.5
_KEYS_WITHIN_S = 10.0
_PICTURES_AT_MOST = 300


@dataclass(slots=True)
class _Measured:
    """Of the pictures that were heard of."""

    batch: list[int] = field(default_factory=list)
    infer_ms: list[float] = field(default_factory=list)
    queue_ms: list[float] = field(default_factory=list)
    total_ms: list[float] = field(default_factory=list)

    def said(self) -> dict[str, Any]:
        return {
            "pictures": len(self.batch),
            "fps": round(len(self.batch) / _LISTEN_S, 1),
            "batch_mean": round(sum(self.batch) / len(self.batch), 2),
            "batch_max": max(self.batch),
            "infer_ms": round(median(self.infer_ms), 1),
            "queue_ms": round(median(self.queue_ms), 1),
            "total_ms": round(median(self.total_ms), 1) if self.total_ms else None,
        }


async def model_states(bus: Bus, site: str, pipelines: Mapping[str, Pipeline]) -> list[dict[str, Any]]:
    """Each model of the pipelines, or of a live process. Listens for 1.5 s to what is inferred.

    Raises:
        BusUnavailable: not connected, or no answer.
    """
    members, rollouts, measured = await asyncio.gather(live_members(bus, site), _rollouts(bus), _listen(bus, site))
    serving = [member for member in members if member.kind == "inference"]
    used = {key: _models_of(pipeline) for key, pipeline in pipelines.items()}
    names = dict.fromkeys([*chain.from_iterable(used.values()), *(member.serves for member in serving)])
    return [
        {
            "name": name,
            "pipelines": [key for key, models in used.items() if name in models],
            "processes": [_process(member) for member in serving if member.serves == name],
            "rollout": rollouts.get(name),
            "measured": {version: one.said() for (model, version), one in measured.items() if model == name},
        }
        for name in names
    ]


def _models_of(pipeline: Pipeline) -> list[str]:
    return [stage.model_name for stage in pipeline.stages if isinstance(stage, Stage)]


def _process(member: Member) -> dict[str, Any]:
    return {"name": member.name, "http": member.http, "ready": member.ready, "detail": member.detail}


async def _rollouts(bus: Bus) -> dict[str, Any]:
    try:
        bucket = await bus.bucket(ROLLOUTS)
        found = {}
        async with asyncio.timeout(_KEYS_WITHIN_S):  # the library may wait for ever (nats-py 2.16)
            keys = await bucket.keys()
        for key in keys:
            try:
                entry = await bucket.get(key)
                found[key] = json.loads(entry.value or b"null")
            except (KeyNotFoundError, ValueError):
                continue
    except NoKeysError:
        return {}
    except (NatsError, TimeoutError) as error:
        raise BusUnavailable(f"roll-outs: {describe(error)}") from error
    return found


async def _listen(bus: Bus, site: str) -> dict[tuple[str, str], _Measured]:
    """What the pictures of the next 1.5 s took, by model and version; of at most 300."""
    heard: list[bytes] = []
    enough = asyncio.Event()

    async def hear(message: Msg) -> None:
        if len(heard) < _PICTURES_AT_MOST:
            heard.append(message.data)
        else:
            enough.set()

    try:
        subscription = await bus.client.subscribe(detections_filter(site), cb=hear)
        try:
            async with asyncio.timeout(_LISTEN_S):
                await enough.wait()
        except TimeoutError:
            pass
        finally:
            await subscription.unsubscribe()
    except NatsError as error:
        raise BusUnavailable(f"detections: {describe(error)}") from error
    measured: dict[tuple[str, str], _Measured] = {}
    for payload in heard:
        try:
            _note(DetectionsEvent.model_validate_json(payload).data, measured)
        except ValidationError:
            continue
    return measured


def _note(detections: Detections, measured: dict[tuple[str, str], _Measured]) -> None:
    timing = detections.timing
    if timing is None:
        return
    one = measured.setdefault((detections.model.name, detections.model.version), _Measured())
    one.batch.append(timing.batch_size)
    one.infer_ms.append(timing.infer_ms)
    one.queue_ms.append(timing.queue_ms)
    if timing.total_ms is not None:
        one.total_ms.append(timing.total_ms)
