"""Behind the gate: an idle scene costs its keyframes, and of what moves nothing is missed."""

import threading
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from time import monotonic, time

import pytest

from gateway.gate import GatePolicy
from gateway.pictures.sampled_frame import SampledFrame
from gateway.reading.beginnings import Beginnings
from gateway.reading.gated_decoding import GatedDecoding
from gateway.reading.interface import DecodeOptions, ReaderStats, ReadOptions
from gateway.reading.reader import Reader
from gateway.reading.sampler import Sampling
from gateway.simulator import SimulatedCamera, Simulator
from tests.gateway.run_reader import Witness, output, running
from tests.gateway.scenes import Scene

FIVE, USUAL = Sampling(5), GatePolicy()
START = 1_700_000_000.0
WALK_S = (11.2, 14.2)
"""When somebody walks, in the middle of a GOP."""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A scene in which somebody walks for 3 s; each is made once."""
    made: dict[str, Path] = {}

    def make(seconds: float = 21, moving: tuple[float, float] = WALK_S, gop: int = 50, **options: str) -> Path:
        key = repr((seconds, moving, gop, sorted(options.items())))
        if key not in made:
            path = tmp_path_factory.mktemp("clips") / "clip.mp4"
            made[key] = Scene(seconds, moving, gop, size=(320, 180), options=options).write(path)
        return made[key]

    return make


def gated(
    video: Path, sampling: Sampling = FIVE, policy: GatePolicy = USUAL, **options: object
) -> tuple[list[SampledFrame], ReaderStats]:
    witness = Witness()
    read_options = ReadOptions(media_start=START, gate=policy, **options)  # type: ignore[arg-type]
    reader = Reader(str(video), [output(sampling)], witness.take, witness, read_options)
    reader.run(threading.Event())
    return witness.frames, reader.stats


def captured(frames: list[SampledFrame], gate: str) -> list[float]:
    return [frame.captured_at - START for frame in frames if frame.gate == gate]


def test_an_idle_scene_costs_its_keyframes_and_is_looked_at_now_and_then(clip: Callable[..., Path]) -> None:
    frames, stats = gated(clip(moving=(0, 0)), policy=GatePolicy(refresh_s=5))
    opened = captured(frames, "open")
    assert opened[-1] < 4  # it begins open: it doesn't know the scene
    refreshed = captured(frames, "refresh")
    assert len(refreshed) == 3
    assert all(at % 2 == pytest.approx(0, abs=0.01) for at in refreshed)
    assert (stats.gate, stats.decode) == ("idle", "keyframes")
    assert stats.decoded <= 4 * 25 + 10
    assert stats.decoded + stats.gated + stats.skipped == stats.packets


@pytest.mark.parametrize("fps", [2, 5, 10])
@pytest.mark.parametrize("bframes", [{}, {"bf": "2", "preset": "veryfast"}], ids=["P only", "B-frames"])
def test_what_moves_is_sampled_from_its_onset_on_at_its_true_time(
    clip: Callable[..., Path], fps: float, bframes: dict[str, str]
) -> None:
    frames, stats = gated(clip(**bframes), Sampling(fps))
    onset, times = captured(frames, "onset"), [frame.captured_at - START for frame in frames]
    assert WALK_S[0] - 1.2 <= onset[0] <= WALK_S[0] + 1 / fps
    assert captured(frames, "open")[-1] >= WALK_S[1]
    active = [at for at in times if onset[0] <= at <= WALK_S[1]]
    assert all(b - a == pytest.approx(1 / fps, abs=0.13) for a, b in pairwise(active))
    assert times == sorted(set(times))
    assert [frame.pts_s for frame in frames] == pytest.approx(times, abs=0.001)
    assert (stats.gate, stats.corrupt) == ("idle", 0)
    assert stats.gated > 100


def test_where_too_many_streams_begin_keyframes_must_do_and_what_moves_is_found_all_the_same(
    clip: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, _ = gated(clip())
    monkeypatch.setattr(GatedDecoding.__init__, "__kwdefaults__", {"beginnings": Beginnings(0)})
    frames, stats = gated(clip())
    assert captured(frames, "refresh")[0] == pytest.approx(0, abs=0.01)  # what is there is known from the first on
    assert captured(frames, "open")[0] > WALK_S[0]
    assert captured(frames, "onset")[0] == pytest.approx(captured(usual, "onset")[0], abs=0.25)
    assert (stats.gate, stats.corrupt) == ("idle", 0)


def test_a_beginning_ends_with_the_stream_and_while_something_moves(clip: Callable[..., Path]) -> None:
    room = Beginnings(1)
    for moving in ((0.0, 0.0), (0.0, 21.0)):
        taken: list[bool] = []

        def look(frame: SampledFrame, taken: list[bool] = taken) -> None:
            other = room.begin()
            taken.append(other is None)
            if other is not None:
                other.end()

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(GatedDecoding.__init__, "__kwdefaults__", {"beginnings": room})
            options = ReadOptions(media_start=START, gate=GatePolicy(refresh_s=5))
            Reader(str(clip(moving=moving)), [output(FIVE)], look, Witness(), options).run(threading.Event())
        assert taken[0]
        assert not taken[-1]
    last = room.begin()
    assert last is not None


def test_every_frame_of_the_onset_comes_once(clip: Callable[..., Path]) -> None:
    frames, _ = gated(clip(), Sampling())
    begun = [frame.pts_s or 0.0 for frame in frames if 11 <= (frame.pts_s or 0.0) <= 15]
    assert begun == pytest.approx([11 + n / 25 for n in range(101)])


def test_looks_at_an_idle_scene_cost_no_frame_of_an_onset(clip: Callable[..., Path]) -> None:
    frames, _ = gated(clip(), policy=GatePolicy(refresh_s=1))
    onset = captured(frames, "onset")
    assert onset[0] <= WALK_S[0]
    assert all(b - a <= 0.25 for a, b in pairwise(onset))


def test_where_nothing_counts_nothing_opens(clip: Callable[..., Path]) -> None:
    everywhere = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    frames, _ = gated(clip(), policy=GatePolicy(ignore=(everywhere,)))
    assert Counter(frame.gate for frame in frames)["onset"] == 0
    assert captured(frames, "open")[-1] < 4


def test_a_hint_keeps_it_open(clip: Callable[..., Path]) -> None:
    witness = Witness()

    def take(frame: SampledFrame) -> None:
        witness.take(frame)
        if (frame.pts_s or 0.0) < 9:
            reader.hint(monotonic() + 1)

    reader = Reader(
        str(clip(moving=(0, 0))),
        [output(Sampling(5))],
        take,
        witness,
        ReadOptions(media_start=START, gate=GatePolicy()),
    )
    reader.hint(monotonic() + 1)  # nothing runs yet
    reader.run(threading.Event())
    assert 9 <= captured(witness.frames, "open")[-1] < 14


def test_keyframes_that_are_far_apart_are_said_and_every_frame_is_decoded(clip: Callable[..., Path]) -> None:
    frames, stats = gated(clip(gop=150), policy=GatePolicy(refresh_s=5))
    assert (stats.gate, stats.decode) == ("armed", "all")
    assert stats.gate_blind is not None
    assert "6.0 s apart" in stats.gate_blind
    assert stats.gated < 30
    assert WALK_S[0] - 1.2 <= captured(frames, "onset")[0] <= WALK_S[0] + 0.2
    assert captured(frames, "refresh")
    times = [frame.captured_at for frame in frames]
    assert times == sorted(set(times))


def test_keyframes_that_cannot_be_decoded_alone_are_said_and_every_frame_is_decoded(clip: Callable[..., Path]) -> None:
    options = {"preset": "veryfast", "x264-params": "intra-refresh=1"}
    frames, stats = gated(clip(seconds=12, moving=(5, 8), **options))
    assert stats.gate_blind == "keyframes can't be decoded alone: every frame is decoded"
    assert len(frames) == 60
    assert stats.gated == 0


def test_without_time_stamps_it_still_opens_and_closes(tmp_path: Path) -> None:
    raw = Scene(21, WALK_S, size=(320, 180)).write(tmp_path / "raw.h264")
    frames, stats = gated(raw)
    assert stats.gated > 100
    assert Counter(frame.gate for frame in frames)["onset"] > 0
    assert stats.gate == "idle"


def test_a_buffer_that_is_too_small_loses_the_onset_and_nothing_else(clip: Callable[..., Path]) -> None:
    frames, stats = gated(clip(), decode=DecodeOptions(buffer_bytes=20_000))
    assert stats.corrupt == 0
    assert captured(frames, "open")[-1] >= WALK_S[1]
    times = [frame.captured_at for frame in frames]
    assert times == sorted(set(times))


def test_damage_opens_nothing_and_what_moves_later_is_seen(clip: Callable[..., Path], tmp_path: Path) -> None:
    data = bytearray(clip().read_bytes())
    for at in range(len(data) // 4, len(data) * 2 // 5, 997):
        data[at] ^= 0xFF
    (tmp_path / "damaged.mp4").write_bytes(data)
    frames, stats = gated(tmp_path / "damaged.mp4")
    assert stats.corrupt > 0
    onset = captured(frames, "onset")
    assert onset
    assert onset[0] > 9


async def test_a_live_onset_comes_frame_by_frame_and_its_age_counts_from_then(
    clip: Callable[..., Path],
) -> None:
    video = clip(seconds=12, moving=(5.2, 8.2))
    async with (
        Simulator([SimulatedCamera("gate", video)]) as camera,
        running(camera.url("gate"), Sampling(5), options=ReadOptions(gate=GatePolicy())) as run,
    ):
        await run.until(lambda: Counter(frame.gate for frame in run.frames)["onset"] >= 5)
        assert run.reader.stats.decoded < run.reader.stats.packets
    late = [frame for frame in run.frames if frame.gate == "onset"]
    released = [frame.released_monotonic or 0.0 for frame in late]
    assert all(b - a >= 0.09 for a, b in pairwise(released))
    assert released[0] - late[0].arrived_monotonic > 0.3
    assert all(frame.age_s(at_s) == 0 for frame, at_s in zip(late, released, strict=True))
    offset_s = time() - monotonic()
    assert all(frame.captured_at <= frame.arrived_monotonic + offset_s + 0.1 for frame in late)


async def test_a_change_of_resolution_is_seen_by_an_idle_gate(clip: Callable[..., Path], tmp_path: Path) -> None:
    larger = Scene(6, gop=25, size=(400, 240)).write(tmp_path / "larger.mp4")
    options = ReadOptions(gate=GatePolicy(refresh_s=1))
    async with (
        Simulator([SimulatedCamera("gate", clip(seconds=6, moving=(0, 0), gop=25))]) as camera,
        running(camera.url("gate"), FIVE, options=options) as run,
    ):
        await run.until(lambda: run.reader.stats.gate == "idle")
        await camera.switch("gate", larger)
        await run.until(lambda: run.frames[-1].width == 400)
        await run.until(lambda: run.reader.stats.gate == "idle")
    assert [(info.width, info.height) for info in run.infos] == [(320, 180), (400, 240)]
    assert run.reader.stats.corrupt == 0
