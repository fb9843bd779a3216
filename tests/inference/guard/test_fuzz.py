"""A share of what `benchmarks/fuzz_decoders.py` does; it runs a hundred thousand, in processes of their own."""

from collections import Counter

import numpy as np

from benchmarks.mutations import mutated, seeds
from inference.guard import Limits, UndecodableImage, decode, examine

LIMITS = Limits(pixels=2**18)


def test_honest_pictures_of_every_kind_are_decoded() -> None:
    for data in seeds():
        header = examine(data)
        assert decode(data).shape == (*header.displayed_size[::-1], 3)


def test_damaged_pictures_are_refused_with_a_reason_or_come_out_at_their_size() -> None:
    originals, ends = seeds(), Counter[str]()
    for number in range(3000):
        data = mutated(originals, number, seed=1)
        try:
            picture = decode(data, LIMITS)
        except UndecodableImage as error:
            assert error.reason
            ends["refused"] += 1
        else:
            assert picture.dtype == np.uint8
            assert picture.shape == (*examine(data, LIMITS).displayed_size[::-1], 3)
            ends["decoded"] += 1
    assert min(ends["refused"], ends["decoded"]) > 300, "the damage is too light or too heavy to find anything"


def test_the_same_number_is_the_same_damage() -> None:
    assert mutated(seeds(), 7) == mutated(seeds(), 7) != mutated(seeds(), 8)
