"""The best one-to-one matching of tracks and detections.

After gating nearly every track has one candidate, and every candidate one track. So the pairs are cut into connected
groups, and only a group with a choice is solved, by the Hungarian algorithm with potentials (Kuhn 1955; O(n² m)).
Ten objects need no library: building a matrix for one costs more than this does. A group in which more than fifty meet
is no scene that anybody could follow, and would hold up other cameras: there the best pair comes first.
"""

from collections.abc import Iterator, Mapping, Sequence

Pair = tuple[int, int]
"""Row and column."""
_INFINITE = float("inf")
_MOST_SOLVED = 2500
"""Rows times columns."""


def assign(gains: Mapping[Pair, float]) -> list[Pair]:
    """Pairs, each row and column in one at most, whose gains (above 0) have the greatest sum; ordered by row."""
    matched: list[Pair] = []
    for group in _groups(gains):
        if len(group) == 1:
            matched += group
        else:
            is_small = len({row for row, _ in group}) * len({column for _, column in group}) <= _MOST_SOLVED
            matched += _solved(group, gains) if is_small else _greedy(group, gains)
    return sorted(matched)


def _groups(gains: Mapping[Pair, float]) -> Iterator[list[Pair]]:
    """The pairs, by connected group."""
    by_row: dict[int, list[Pair]] = {}
    by_column: dict[int, list[Pair]] = {}
    for pair in gains:
        by_row.setdefault(pair[0], []).append(pair)
        by_column.setdefault(pair[1], []).append(pair)
    seen: set[Pair] = set()
    for first in gains:
        if first in seen:
            continue
        seen.add(first)
        group, index = [first], 0
        while index < len(group):
            row, column = group[index]
            index += 1
            for pair in (*by_row.pop(row, ()), *by_column.pop(column, ())):  # each once
                if pair not in seen:
                    seen.add(pair)
                    group.append(pair)
        yield group


def _greedy(group: list[Pair], gains: Mapping[Pair, float]) -> Iterator[Pair]:
    rows, columns = set[int](), set[int]()
    for row, column in sorted(group, key=lambda pair: (-gains[pair], pair)):
        if row not in rows and column not in columns:
            rows.add(row)
            columns.add(column)
            yield row, column


def _solved(group: list[Pair], gains: Mapping[Pair, float]) -> list[Pair]:
    rows = sorted({row for row, _ in group})
    columns = sorted({column for _, column in group})
    if len(rows) > len(columns):
        flipped = {(column, row): gains[row, column] for row, column in group}
        return [(row, column) for column, row in _solved(list(flipped), flipped)]
    # A pair that is not there costs 0, as being unmatched does: it is dropped from the answer.
    costs = [[-gains.get((row, column), 0.0) for column in columns] for row in rows]
    found = ((rows[row], columns[column]) for row, column in enumerate(_hungarian(costs)))
    return [pair for pair in found if pair in gains]


def _hungarian(costs: Sequence[Sequence[float]]) -> list[int]:
    """For each row its column, of the least sum of costs; there are at least as many columns as rows."""
    rows, columns = len(costs), len(costs[0])
    row_potential, column_potential = [0.0] * (rows + 1), [0.0] * (columns + 1)
    row_of = [0] * (columns + 1)  # 1-based; 0: free
    for row in range(1, rows + 1):
        row_of[0], column = row, 0
        least, came_from, used = [_INFINITE] * (columns + 1), [0] * (columns + 1), [False] * (columns + 1)
        while row_of[column] != 0:
            used[column] = True
            current, delta, following = row_of[column], _INFINITE, 0
            for other in range(1, columns + 1):
                if used[other]:
                    continue
                reduced = costs[current - 1][other - 1] - row_potential[current] - column_potential[other]
                if reduced < least[other]:
                    least[other], came_from[other] = reduced, column
                if least[other] < delta:
                    delta, following = least[other], other
            for other in range(columns + 1):
                if used[other]:
                    row_potential[row_of[other]] += delta
                    column_potential[other] -= delta
                else:
                    least[other] -= delta
            column = following
        while column:
            row_of[column], column = row_of[came_from[column]], came_from[column]
    answer = [0] * rows
    for column in range(1, columns + 1):
        if row_of[column]:
            answer[row_of[column] - 1] = column - 1
    return answer
