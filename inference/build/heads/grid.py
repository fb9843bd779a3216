"""The cells of a network's grids, in the order of its outputs: by rising stride, row by row."""

from collections.abc import Sequence

from inference.build.heads.head import Target

# NonZero of a plane of ones lists the (row, column) of every cell.
_CELLS = """\
    cells_{s} = Div ({size}, stride_{s})
    plane_{s} = ConstantOfShape <value = int64[1] {{1}}> (cells_{s})
    cell_{s} = NonZero (plane_{s})
    index_{s} = Cast <to = 1> (cell_{s})"""

_STEPS = """\
    flat_{s} = Reshape (plane_{s}, all)
    ones_{s} = Cast <to = 1> (flat_{s})
    step_{s} = Mul (ones_{s}, scale_{s})"""


def cells(stride: int, target: Target) -> str:
    """Text from `size` to `index_<stride>` float32 [2, cells], rows and columns; cells cut by the border are whole.

    It wants the constants of `strides`.
    """
    if target.divides(stride):
        return _CELLS.format(s=stride, size="size")
    return f"    reach_{stride} = Add (size, beyond_{stride})\n" + _CELLS.format(s=stride, size=f"reach_{stride}")


def strides(values: Sequence[int], target: Target) -> list[str]:
    """The constants of `cells`, and each stride as float32 `scale_<stride>`."""
    whole = [f"int64 stride_{s} = {{{s}}}, float scale_{s} = {{{s}}}" for s in values]
    return whole + [f"int64 beyond_{s} = {{{s - 1}}}" for s in values if not target.divides(s)]


def grid(values: Sequence[int], target: Target) -> tuple[str, list[str]]:
    """Text to `across_down` float32 [2, A], column and row of every cell of all strides, and `step` [A], its stride."""
    lines = [f"{cells(stride, target)}\n{_STEPS.format(s=stride)}" for stride in values]
    indices, steps = (", ".join(f"{name}_{s}" for s in values) for name in ("index", "step"))
    lines.append(f"""\
    index = Concat <axis = 1> ({indices})
    across_down = Gather <axis = 0> (index, swapped)
    step = Concat <axis = 0> ({steps})""")
    return "\n".join(lines), [*strides(values, target), "int64[1] all = {-1}, int64[2] swapped = {1, 0}"]
