"""People that a small detector can really see: each is a bright disc in the picture, with a figure hung below it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from poseflow.detect.protocol import DetectorInfo, ModelFile
from poseflow.records import Frame, FramePoses
from vvipe.skeleton import COCO17, Skeleton

WIDTH, HEIGHT, RADIUS = 320, 240, 9
# x, y from the disc's centre (the nose) in pixels, COCO-17 order.
FIGURE = np.array(
    [
        *((0, 0), (3, -3), (-3, -3), (6, 0), (-6, 0), (15, 22), (-15, 22), (20, 45), (-20, 45)),
        *((22, 65), (-22, 65), (9, 70), (-9, 70), (10, 100), (-10, 100), (10, 130), (-10, 130)),
    ],
    np.float32,
)


def write_disc_clip(
    path: Path, times_s: Sequence[float], places: Sequence[Sequence[tuple[float, float]]], *, crf: int = 10
) -> Path:
    """A clip whose picture i, shown at times_s[i], has a disc at each (x, y) of places[i]."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": str(crf), "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 90000)
        for time_s, discs in zip(times_s, places, strict=True):
            image = np.full((HEIGHT, WIDTH, 3), 20, np.uint8)
            for x, y in discs:
                cv2.circle(image, (round(x), round(y)), RADIUS, (240, 240, 240), -1, cv2.LINE_AA)
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            frame.time_base, frame.pts = Fraction(1, 90000), round(time_s * 90000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


class DiscDetector:
    """Finds the discs in the pixels; a PosePredictor."""

    @property
    def info(self) -> DetectorInfo:
        return DetectorInfo("discs", (ModelFile("threshold", "0" * 64),), "cpu")

    @property
    def skeleton(self) -> Skeleton:
        return COCO17

    def predict(self, frames: Iterable[Frame]) -> Iterator[FramePoses]:
        for frame in frames:
            centres = _centres(frame.image)
            keypoints = centres[:, None] + FIGURE
            count = len(centres)
            yield FramePoses(
                frame.index,
                frame.time_s,
                keypoints=keypoints,
                scores=np.full((count, len(FIGURE)), 0.9, np.float32),
                boxes=np.concatenate([keypoints.min(1), keypoints.max(1)], axis=1),
                box_scores=np.full(count, 0.8, np.float32),
            )


def _centres(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    _, mask = cv2.threshold(image[..., 1], 128, 255, cv2.THRESH_BINARY)
    count, _, _, centres = cv2.connectedComponentsWithStats(mask)
    return centres[1:count].astype(np.float32).reshape(-1, 2)
