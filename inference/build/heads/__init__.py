"""The heads: what the raw outputs of published networks mean. One file each; docs/models.md has the table."""

from collections.abc import Mapping

from inference.build.heads import (
    classification,
    detr,
    embedding,
    end_to_end,
    nanodet,
    nanodet_plus,
    rtdetr,
    ssd,
    yolov5,
    yolov8,
    yolox,
    yunet,
)
from inference.build.heads.head import Head

HEADS: Mapping[str, Head] = {
    head.name: head
    for head in (
        yolov5.HEAD,
        yolov8.HEAD,
        yolox.HEAD,
        end_to_end.HEAD,
        rtdetr.HEAD,
        detr.HEAD,
        nanodet.HEAD,
        nanodet_plus.HEAD,
        ssd.HEAD,
        yunet.HEAD,
        classification.HEAD,
        embedding.HEAD,
    )
}

__all__ = ["HEADS", "Head"]
