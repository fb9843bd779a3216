"""Versions that are loaded by several at once."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from inference.picture_model import Decoders
from inference.repository.model import Model
from inference.rollout.held import HeldVersions
from inference.served_version import ServedVersion
from tests.inference.serving.edge import colours


async def test_a_version_that_two_ask_for_at_once_is_loaded_once_and_both_have_it(tmp_path: Path) -> None:
    model, opened = colours(tmp_path), list[ServedVersion]()
    threads = ThreadPoolExecutor(1)

    def opening(wanted: Model, background: bool) -> ServedVersion:
        opened.append(ServedVersion(wanted, "cpu", 1, 1, Decoders(threads, threads), background))
        return opened[-1]

    held = HeldVersions(opening)
    try:
        one, other = await asyncio.gather(held.load(model), held.load(model))
        assert one is other is held.get(model.version)
        assert opened == [one], "another one would never be ended"
    finally:
        await held.close(grace_s=1)
        threads.shutdown()
