"""Packet sizes as an early warning, and when they are believed."""

import numpy as np

from gateway.gate.packet_sizes import PacketSizes

GOP = 50


def stream(sizes: PacketSizes, gops: int, mean_bytes: float, spread: float, seed: int = 1) -> list[bool]:
    """Alarms of a stream with P packets of a log-normal size."""
    chance = np.random.default_rng(seed)
    alarms = []
    for index in range(gops * GOP):
        keyframe = index % GOP == 0
        size = 40_000 if keyframe else int(mean_bytes * np.exp(chance.normal(0, spread)))
        alarms.append(sizes.packet(size, keyframe, learn=True))
    return alarms


def test_a_quiet_stream_is_trusted_and_gives_no_alarm() -> None:
    sizes = PacketSizes()
    sizes.picture(1920, 1080)
    assert not any(stream(sizes, 40, 1500, 0.2))
    assert sizes.trusted


def test_an_object_in_a_quiet_stream_alarms_within_half_a_second() -> None:
    sizes = PacketSizes()
    sizes.picture(1920, 1080)
    stream(sizes, 20, 1500, 0.2)
    assert any(stream(sizes, 1, 3000, 0.2)[:13])


def test_a_noisy_stream_is_never_trusted_and_never_alarms() -> None:
    sizes = PacketSizes()
    sizes.picture(1920, 1080)
    stream(sizes, 20, 30_000, 0.2)
    assert not sizes.trusted
    assert not any(stream(sizes, 2, 90_000, 0.2))


def test_nothing_is_trusted_before_the_picture_is_known() -> None:
    sizes = PacketSizes()
    stream(sizes, 20, 1500, 0.2)
    assert not sizes.trusted


def test_empty_packets_are_passed_over() -> None:
    sizes = PacketSizes()
    assert not sizes.packet(0, keyframe=False, learn=True)
