"""How the frames of a stream are turned."""

import av
from av.sidedata.sidedata import SideData

from gateway.pictures.geometry import UPRIGHT, Orientation


class Orientations:
    """Reads each angle's display matrix once.

    A frame whose side data was looked at is never freed (PyAV 18.1: frame and side data hold one another). A mirror
    along the horizontal alone has angle 0 and is not seen.
    """

    def __init__(self) -> None:
        self._known: dict[int, Orientation] = {0: UPRIGHT}

    def of(self, frame: av.VideoFrame) -> Orientation:
        """How to turn `frame` for display."""
        if frame.rotation not in self._known:
            matrix: object = frame.side_data.get("DISPLAYMATRIX")
            self._known[frame.rotation] = Orientation.of_matrix(bytes(matrix) if isinstance(matrix, SideData) else None)
        return self._known[frame.rotation]
