"""Puts a trained model into vvipe/weights: its figures are measured, its card says what it was made of.

.venv/bin/python scripts/ship_model.py work_dirs/vvipe_cmu/vvipe-cmu-v2.safetensors --mocap FOLDER
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from poseflow_benchmarks.retrieval import run_retrieval

from vvipe import Embedder
from vvipe.model_file import SHIPPED

LICENCE = "Apache-2.0"
ATTRIBUTION = (
    "The data used in this project was obtained from mocap.cs.cmu.edu. The database was created with funding from "
    "NSF EIA-0196217."
)
DATA_LICENCE = "CMU Graphics Lab Motion Capture Database: free for all uses; the data itself is not redistributed here"


def main() -> None:
    """Copies the weights, measures retrieval, and writes the card in JSON and Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--mocap", type=Path, required=True, help="folder with cmu.npz, cmu_more.npz and hdm05.npz")
    arguments = parser.parse_args()
    source = arguments.weights
    report = run_retrieval(arguments.mocap, embedder=Embedder.from_pretrained(source))
    card = json.loads(source.with_suffix(".json").read_text(encoding="utf-8"))
    card |= {
        "licence": LICENCE,
        "data_licence": DATA_LICENCE,
        "attribution": ATTRIBUTION,
        "measured": report.to_json()["rows"],
    }
    target = SHIPPED / source.name
    shutil.copyfile(source, target)
    target.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    (SHIPPED / "README.md").write_text(model_card(card, report.to_markdown()), encoding="utf-8")
    print(report.to_markdown())


def model_card(card: dict, table: str) -> str:
    """The card for people."""
    recipe, architecture = card["recipe"], card["architecture"]
    data = "\n".join(f"* `{item['file']}`, SHA-256 `{item['sha256']}`" for item in card["data"])
    return f"""# {card["name"]}

A V-VIPE trained by this repository: 2D keypoints of one person (13 COCO joints and their scores) to a
{architecture["dimension"]}-d view-invariant embedding, its uncertainty and the root's rotation; a decoder from
the embedding to a canonical 3D pose (H36M-17); and the 3D encoder. Half precision, SHA-256 `{card["sha256"]}`.

**Data.** {card["training_poses"]:,} poses of {card["training_takes"]} takes at {recipe["fps"]:g} Hz;
{card["held_out_takes"]} takes of six other people served every choice and the calibration.
{data}

{DATA_LICENCE}. {ATTRIBUTION}

**Licence of the weights.** {LICENCE}.

**Made by** `poseflow train vvipe_cmu --data cmu.npz --data cmu_more.npz` (seed {card["seed"]}), shipped by
`scripts/ship_model.py`.

**Measured** by `poseflow bench retrieval --mocap FOLDER` (HDM05 was never trained on; eleven cameras never seen):

{table}

Expected calibration error of the match probability on people kept aside: {card["calibration_error"]["given"]} for two
given views, {card["calibration_error"]["retrieved"]} for the nearest of many.

**Limits.** Everyday movement, sport and dance of CMU's subjects; few floor and lying poses. One frame at a time. The
root rotation is that of an upright camera looking at the pelvis. Trained on synthetic detector noise, not on real
detections.
"""


if __name__ == "__main__":
    main()
