"""Garbage and truncated packets in each codec: no crash, bounded memory; and pictures of absurd sizes."""

import asyncio
import json
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from gateway.errors import Reason, SourceError
from gateway.reading.reader import Reader
from tests.gateway import clips
from tests.gateway.run_reader import WALK, WALK_H265, Witness, output

ROUNDS = 8


@pytest.mark.parametrize("seed", [1, 2])
async def test_no_damage_in_any_codec_crashes_the_reader_or_fills_the_memory(seed: int, tmp_path: Path) -> None:
    made = [clips.make(tmp_path, name) for name in ("mjpeg", "vp8", "vp9", "av1")]
    arguments = (str(seed), str(ROUNDS), *map(str, (WALK, WALK_H265, *made)))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.gateway.fuzzed_reading", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await asyncio.wait_for(process.communicate(), 50)
    assert process.returncode == 0, errors.decode()[-2000:]
    seen = json.loads(out)
    assert sum(seen["ends"].values()) == ROUNDS * 6
    assert set(seen["ends"]) <= {"end", "undecodable", "no_video", "unsupported_codec"}
    assert seen["corrupt"] > 50
    assert seen["frames"] > 50
    assert seen["peak_mb"] < 400


def test_a_picture_larger_than_8k_is_refused_with_its_size(tmp_path: Path) -> None:
    video = clips.write_mjpeg(tmp_path / "huge.avi", [np.zeros((6008, 6008, 3), np.uint8)] * 2)
    with pytest.raises(SourceError, match="6008x6008") as caught:
        Reader(str(video), [output()], Witness().take, Witness()).run(threading.Event())
    assert caught.value.reason is Reason.UNDECODABLE
