"""Small real clips, made with FFmpeg through PyAV, in which every picture tells its own number."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 96, 64
TICKS = 90000
CONSTANT_S = [i / 30 for i in range(60)]
QUARTERS = ((0, 0), (0, 1), (1, 0), (1, 1))  # (row, column) of the four quarters of a stored picture
COLOURS = ((40, 40, 220), (40, 220, 40), (220, 40, 40), (220, 220, 220))  # BGR of these quarters


def numbered_picture(number: int, *, width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.uint8]:
    """(H, W, 3) BGR: 8 vertical bars, dark or bright, that spell `number` in binary, highest bit left."""
    bits = [(number >> bit) & 1 for bit in range(7, -1, -1)]
    row = np.repeat(np.array(bits, dtype=np.uint8) * 200 + 30, width // 8)
    return np.ascontiguousarray(np.broadcast_to(row[None, :, None], (height, width, 3)))


def read_number(image: NDArray[np.uint8]) -> int:
    """The number that `numbered_picture` spelt."""
    bars = image[image.shape[0] // 2, :, 1].reshape(8, -1).mean(1) > 128
    return int("".join("1" if bar else "0" for bar in bars), 2)


def quarters_picture(*, width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.uint8]:
    """(H, W, 3) BGR: four quarters in COLOURS."""
    image = np.empty((height, width, 3), np.uint8)
    for (row, column), colour in zip(QUARTERS, COLOURS, strict=True):
        image[row * height // 2 : (row + 1) * height // 2, column * width // 2 : (column + 1) * width // 2] = colour
    return image


def write_clip(
    path: Path,
    *,
    times_s: Sequence[float],
    pictures: Sequence[NDArray[np.uint8]] | None = None,
    gop: int = 5,
    codec: str = "libx264",
    rotation: tuple[int, bool] | None = None,
    is_index_first: bool = True,
    **options: str,
) -> Path:
    """A clip whose picture i is shown at times_s[i] and, unless `pictures` are given, spells i.

    Args:
        rotation: (degrees counter-clockwise, whether mirrored left to right afterwards), for the display matrix.
        options: Settings of the encoder.
    """
    pictures = [numbered_picture(i) for i in range(len(times_s))] if pictures is None else pictures
    muxer = {"movflags": "faststart"} if is_index_first and path.suffix in (".mp4", ".mov") else {}
    with av.open(str(path), "w", options=muxer) as container:
        stream: Any = container.add_stream(codec, rate=30, options={"g": str(gop), **options})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = codec == "mjpeg" and "yuvj420p" or "yuv420p"
        stream.codec_context.time_base = Fraction(1, TICKS)
        if rotation is not None:
            stream.set_display_rotation(rotation[0], hflip=rotation[1])
        for time_s, picture in zip(times_s, pictures, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.time_base, frame.pts = Fraction(1, TICKS), round(time_s * TICKS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_audio(path: Path, *, cover: bool = False) -> Path:
    """Half a second of silence; `cover` adds a picture as music files have one."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("aac", rate=16000)
        picture: Any = container.add_stream("mjpeg", rate=1) if cover else None
        if picture is not None:
            picture.width, picture.height, picture.pix_fmt = WIDTH, HEIGHT, "yuvj420p"
            picture.disposition = av.stream.Disposition.attached_pic
        for i in range(8):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 16000, i * 1024
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if picture is not None:
            frame_ = av.VideoFrame.from_ndarray(quarters_picture(), format="bgr24").reformat(format="yuvj420p")
            container.mux([*picture.encode(frame_), *picture.encode()])
    return path


def names_in(folder: Path) -> list[str]:
    """The sorted names of what lies in `folder`."""
    return sorted(path.name for path in folder.iterdir())


def cut_file(path: Path, target: Path, *, share: float) -> Path:
    """`target`, made of the first `share` of the bytes of `path`."""
    content = path.read_bytes()
    target.write_bytes(content[: int(len(content) * share)])
    return target


def damage_file(path: Path, target: Path, *, at: float, n_bytes: int) -> Path:
    """`target`, a copy of `path` with random bytes from the share `at` on."""
    content = bytearray(path.read_bytes())
    begin = int(len(content) * at)
    content[begin : begin + n_bytes] = np.random.default_rng(0).bytes(n_bytes)
    target.write_bytes(content)
    return target
