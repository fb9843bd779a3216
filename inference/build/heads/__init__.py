"""The heads: what the raw outputs of published networks mean. One file each; docs/models.md has the table."""

from collections.abc import Mapping

from inference.build.heads.classification import HEAD as CLASSIFICATION
from inference.build.heads.detr import HEAD as DETR
from inference.build.heads.embedding import HEAD as EMBEDDING
from inference.build.heads.end_to_end import HEAD as END_TO_END
from inference.build.heads.head import Head
from inference.build.heads.nanodet import HEAD as NANODET
from inference.build.heads.nanodet_plus import HEAD as NANODET_PLUS
from inference.build.heads.rtdetr import HEAD as RTDETR
from inference.build.heads.ssd import HEAD as SSD
from inference.build.heads.yolov5 import HEAD as YOLOV5
from inference.build.heads.yolov8 import HEAD as YOLOV8
from inference.build.heads.yolox import HEAD as YOLOX
from inference.build.heads.yunet import HEAD as YUNET

HEADS: Mapping[str, Head] = {
    head.name: head
    for head in (
        YOLOV5,
        YOLOV8,
        YOLOX,
        END_TO_END,
        RTDETR,
        DETR,
        NANODET,
        NANODET_PLUS,
        SSD,
        YUNET,
        CLASSIFICATION,
        EMBEDDING,
    )
}

__all__ = ["HEADS", "Head"]
