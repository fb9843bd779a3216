"""Whatever is left undecoded: the samples are those that were asked for, and their pictures are whole."""

import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from gateway.errors import Reason, SourceError
from gateway.pictures.sampled_frame import SampledFrame
from gateway.reading.interface import DecodeOptions, ReaderStats, ReadOptions
from gateway.reading.reader import Reader
from gateway.reading.sampler import Sampling
from gateway.simulator import SimulatedCamera, Simulator
from tests.gateway.run_gateway import pixels
from tests.gateway.run_reader import PEDESTRIANS, WALK, WALK_ODD, Witness, output, read, running
from tests.gateway.scenes import Scene

EACH = {"keyframes": Sampling(keyframes=True), "lazy": Sampling(1), "lazy+nonref": Sampling(2), "all": Sampling(12)}
"""Samplings that lead to each way of decoding a GOP of 2 s at 25 fps with B-frames."""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """12 s of a scene, encoded with these options of x264; each is made once."""
    made: dict[str, Path] = {}

    def make(**options: str) -> Path:
        key = repr(sorted(options.items()))
        if key not in made:
            path = tmp_path_factory.mktemp("clips") / "clip.mp4"
            made[key] = Scene(12, (2, 10), size=(320, 180), options=options).write(path)
        return made[key]

    return make


B_FRAMES = {"bf": "2", "b-pyramid": "none", "preset": "veryfast"}


def decoded(
    video: Path, sampling: Sampling, options: ReadOptions | None = None
) -> tuple[list[SampledFrame], ReaderStats]:
    witness = Witness()
    reader = Reader(str(video), [output(sampling)], witness.take, witness, options)
    reader.run(threading.Event())
    return witness.frames, reader.stats


def test_lazy_decodes_nothing_between_the_last_sample_and_the_keyframe() -> None:
    frames, stats = decoded(PEDESTRIANS, Sampling(1))
    assert [frame.pts_s for frame in frames] == pytest.approx([float(n) for n in range(40)])
    assert stats.decode == "lazy"
    assert stats.decoded < 0.65 * stats.packets
    assert stats.decoded + stats.skipped <= stats.packets


@pytest.mark.parametrize("bframes", ["B-frames", "open GOP", "none"])
@pytest.mark.parametrize("fps", [0.7, 1, 2, 3])
def test_the_rate_and_the_pictures_are_those_of_decoding_all(
    clip: Callable[..., Path], bframes: str, fps: float
) -> None:
    options = {"B-frames": B_FRAMES, "open GOP": {**B_FRAMES, "x264-params": "open-gop=1"}, "none": {}}[bframes]
    frames, stats = decoded(clip(**options), Sampling(fps))
    every = {frame.pts_s: frame.jpeg for frame in read(clip(**options))}
    assert stats.decode in ("lazy", "lazy+nonref")
    assert len(frames) == pytest.approx(12 * fps, abs=1)
    assert stats.decoded < stats.packets
    assert all(every[frame.pts_s] == frame.jpeg for frame in frames)


def test_samples_keep_step_with_keyframes_that_drift_away_from_their_grid(tmp_path: Path) -> None:
    video = Scene(40, gop=49, size=(160, 90)).write(tmp_path / "drift.mp4")
    frames, stats = decoded(video, Sampling(1))
    later = [frame.keyframe for frame in frames if (frame.pts_s or 0.0) > 6]
    assert {*pairwise(later)} == {(True, False), (False, True)}
    assert len(frames) == pytest.approx(40, abs=2)
    assert stats.decoded < 0.65 * stats.packets


def test_nonref_leaves_out_b_frames_and_shifts_samples_by_little(clip: Callable[..., Path]) -> None:
    frames, stats = decoded(clip(**B_FRAMES), Sampling(2))
    assert stats.decode == "lazy+nonref"
    assert stats.decoded < 0.65 * stats.packets
    assert [frame.pts_s for frame in frames] == pytest.approx([n / 2 for n in range(24)], abs=0.125)


@pytest.mark.parametrize("way", EACH)
def test_each_way_of_decoding_comes_about(clip: Callable[..., Path], way: str) -> None:
    frames, stats = decoded(clip(**B_FRAMES), EACH[way])
    assert stats.decode == way or (way == "lazy" and stats.decode == "lazy+nonref")
    assert frames


@pytest.mark.parametrize("way", EACH)
def test_a_stream_with_intra_refresh_goes_on(clip: Callable[..., Path], way: str) -> None:
    frames, stats = decoded(clip(preset="veryfast", **{"x264-params": "intra-refresh=1"}), EACH[way])
    assert stats.decode == "all"
    expected = 12 * (EACH[way].fps or 0.5)
    assert expected / 2 - 1 <= len(frames) <= expected + 1


@pytest.mark.parametrize("way", EACH)
def test_a_stream_without_time_stamps_goes_on(tmp_path: Path, way: str) -> None:
    raw = Scene(6, size=(160, 90)).write(tmp_path / "raw.h264")
    frames, _ = decoded(raw, EACH[way])
    expected = 6 * (EACH[way].fps or 0.5)
    assert expected / 2 - 1 <= len(frames) <= 2 * expected + 1


RATES = {"keyframes": Sampling(keyframes=True), "lazy": Sampling(12), "all": Sampling()}
"""Of the short clips, whose keyframes are 0.2 s apart at 50 fps."""


@pytest.mark.parametrize("way", RATES)
async def test_a_change_of_resolution_goes_on(way: str) -> None:
    simulator = Simulator([SimulatedCamera("gate", WALK, 50)])
    async with simulator as camera, running(camera.url("gate"), RATES[way]) as run:
        await run.until(lambda: len(run.frames) >= 4 and run.reader.stats.decode == way)
        await camera.switch("gate", WALK_ODD)
        await run.until(lambda: run.frames[-1].width == 557)
        count = len(run.frames)
        await run.until(lambda: len(run.frames) >= count + 4)
    assert {frame.width for frame in run.frames} == {320, 557}


@pytest.fixture(scope="module")
def pedestrians() -> dict[float | None, bytes]:
    """Every frame as it should be."""
    return {frame.pts_s: frame.jpeg for frame in read(PEDESTRIANS)}


@pytest.mark.parametrize("way", RATES)
def test_damaged_packets_are_survived_and_never_sampled(
    tmp_path: Path, way: str, pedestrians: dict[float | None, bytes]
) -> None:
    data = bytearray(PEDESTRIANS.read_bytes())
    rng = np.random.default_rng(1)
    for at in rng.integers(1_000_000, 2_000_000, 400):
        data[at] ^= 0xFF
    (tmp_path / "damaged.mp4").write_bytes(data)
    sampling = Sampling(1) if way == "lazy" else RATES[way]
    frames, stats = decoded(tmp_path / "damaged.mp4", sampling)
    assert stats.corrupt > 0
    assert frames[-1].pts_s is not None
    assert frames[-1].pts_s >= 38
    assert all(pedestrians[frame.pts_s] == frame.jpeg for frame in frames)


def test_what_is_left_undecoded_is_bounded(clip: Callable[..., Path]) -> None:
    tight = ReadOptions(decode=DecodeOptions(buffer_bytes=2000))
    frames, stats = decoded(clip(), Sampling(1), tight)
    assert [frame.pts_s for frame in frames] == pytest.approx([float(n) for n in range(12)], abs=0.05)
    assert stats.skipped == 0


def test_another_rate_takes_effect_while_it_runs(clip: Callable[..., Path]) -> None:
    witness = Witness()

    def take(frame: SampledFrame) -> None:
        witness.take(frame)
        if frame.pts_s == 4.0:
            reader.set_fps("people", 5)
            reader.set_fps("no such", 9)

    reader = Reader(str(clip()), [output(Sampling(1))], take, witness)
    reader.run(threading.Event())
    times = [frame.pts_s or 0.0 for frame in witness.frames]
    assert times[:5] == pytest.approx([0, 1, 2, 3, 4])
    assert times[5:] == pytest.approx([4.2 + n / 5 for n in range(len(times) - 5)], abs=0.05)
    assert len(times) > 40


def test_without_the_loop_filter_pictures_differ_a_little() -> None:
    usual = read(WALK)
    without, _ = decoded(WALK, Sampling(), ReadOptions(decode=DecodeOptions(loop_filter=False)))
    differences = [
        np.abs(pixels(a.jpeg).astype(int) - pixels(b.jpeg)).mean() for a, b in zip(usual, without, strict=True)
    ]
    assert 0.1 < np.mean(differences) < 3


@pytest.mark.parametrize("device", ["cuda", "vaapi", "qsv"])
def test_a_device_that_is_not_there_is_an_error_and_never_the_cpu(device: str) -> None:
    options = ReadOptions(decode=DecodeOptions(device))  # type: ignore[arg-type]
    with pytest.raises(
        SourceError, match=rf"decode: \{{device: {device}\}}: (it can't be opened|this build)"
    ) as caught:
        read(WALK, Sampling(2), options)
    assert caught.value.reason is Reason.NO_DEVICE
