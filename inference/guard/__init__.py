"""The input guard: what is looked at before, and beside, a model's answer.

For whoever takes pictures from strangers: `examine(data, limits)` reads the header (microseconds, nothing decoded) and
`decode(data, limits)` gives BGR uint8 [height, width, 3]; `decode` examines first. Both raise `UndecodableImage`
(`error.reason` is short and fit for an answer: HTTP 422) and its subclass `OverLimit`, which has `what` (a field of
`Limits`), `value` and `limit`: for `what == "bytes"` HTTP 413 says it better. Nothing else is raised for any bytes.
Decoding blocks: call it in a thread. A JPEG may go straight into a slot instead (`inference.preprocess.fill`) after
`examine`. Exif orientation is applied by `decode`, and told by `Header.orientation`.
"""

from inference.errors import UndecodableImage
from inference.guard.decoding import decode, turned
from inference.guard.header import Header, examine
from inference.guard.limits import Limits, OverLimit

__all__ = ["Header", "Limits", "OverLimit", "UndecodableImage", "decode", "examine", "turned"]
