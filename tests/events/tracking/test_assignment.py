"""The matching against all matchings there are."""

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from events.tracking.assignment import Pair, assign

pairs = st.tuples(st.integers(0, 4), st.integers(0, 4))
tables = st.dictionaries(pairs, st.floats(0.01, 1.0), max_size=25)


def best(gains: dict[Pair, float]) -> float:
    rows = {row for row, _ in gains}
    return max(
        (
            sum(gains.get(pair, 0.0) for pair in zip(sorted(rows), columns, strict=False))
            for columns in permutations(range(10), len(rows))
        ),
        default=0.0,
    )


@given(tables.filter(lambda gains: len({row for row, _ in gains}) <= 4))
def test_the_sum_is_the_greatest_there_is(gains: dict[Pair, float]) -> None:
    found = assign(gains)
    assert abs(sum(gains[pair] for pair in found) - best(gains)) < 1e-9


@given(st.dictionaries(st.tuples(st.integers(0, 30), st.integers(0, 30)), st.floats(0.01, 1.0), max_size=200))
def test_each_is_matched_once_and_order_does_not_matter(gains: dict[Pair, float]) -> None:
    found = assign(gains)
    assert len({row for row, _ in found}) == len({column for _, column in found}) == len(found)
    assert set(found) <= set(gains)
    # Nobody is left who would still have someone.
    rows, columns = {row for row, _ in found}, {column for _, column in found}
    assert all(row in rows or column in columns for row, column in gains)
    again = assign(dict(reversed(gains.items())))
    assert abs(sum(gains[pair] for pair in again) - sum(gains[pair] for pair in found)) < 1e-9
