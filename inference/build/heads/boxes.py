"""What several heads do with boxes given by their middle, and with scores of which only the best counts."""

_BEST_ONLY = """\
    best = {reduce_max}
    is_best = Equal (by_class, best)
    likely = Where (is_best, by_class, nought)"""

CORNERS = """\
    halved = Mul (span, half)
    low = Sub (middle, halved)
    high = Add (middle, halved)
    corner = Concat <axis = 1> (low, high)"""
"""From `middle` and `span` [N, 2, A] to `corner`; wants `half`."""

HALF = "float half = {0.5}"

XYXY = "int64[4] xyxy = {1, 0, 1, 0}"
"""Of height and width: width, height, width, height."""

PICTURE = """\
    sides = Gather <axis = 0> (size, xyxy)
    reach = Cast <to = 1> (sides)
    picture = Reshape (reach, upright)"""
"""To `picture` [4, 1]: width, height, width, height of the input; wants `XYXY` and `UPRIGHT`."""

UPRIGHT = "int64[2] upright = {4, 1}"


def best_only(opset: int) -> tuple[str, list[str]]:
    """From `by_class` [N, C, A] to `likely`, where every class but a candidate's best has 0."""
    if opset < 18:  # ReduceMax has had its axes as an input since
        return _BEST_ONLY.format(reduce_max="ReduceMax <axes = [1]> (by_class)"), ["float nought = {0}"]
    return (
        _BEST_ONLY.format(reduce_max="ReduceMax (by_class, of_classes)"),
        ["float nought = {0}, int64[1] of_classes = {1}"],
    )
