"""Interlaced pictures: one field of two, since the two were filmed at different times and combed together.

Half the lines are as many as a picture for a model has; to restore the rest would cost more than the decoding.
"""

import av
import numpy as np

_LEAST_LINES = 16


def progressive(frame: av.VideoFrame) -> av.VideoFrame:
    """`frame`, or if it is interlaced its top field: every second line, of the same width and half the height."""
    if not frame.interlaced_frame or frame.height < _LEAST_LINES:
        return frame
    field = av.VideoFrame(frame.width, frame.height // 2, frame.format.name)
    field.colorspace, field.color_range = frame.colorspace, frame.color_range
    for lines, kept in zip(frame.planes, field.planes, strict=True):
        source = np.frombuffer(memoryview(lines), np.uint8).reshape(-1, lines.line_size)[: lines.height : 2]
        target = np.frombuffer(memoryview(kept), np.uint8).reshape(-1, kept.line_size)[: kept.height]
        rows, width = min(len(source), len(target)), min(lines.line_size, kept.line_size)
        target[:rows, :width] = source[:rows, :width]
    return field
