"""Whose run lies in a work folder: a small record beside the checkpoints, so that no run continues another's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from vvipe.errors import TrainingError

RECORD = "run.json"


def claim_folder(work_dir: Path, run: dict[str, Any]) -> None:
    """Writes what this run is into `work_dir`, or makes sure that the run lying there is the same.

    Args:
        run: Everything that the result depends on; compared as JSON has it.

    Raises:
        TrainingError: Another run lies there, or its record is damaged.
    """
    record = work_dir / RECORD
    text = json.dumps(run, indent=2)
    if record.exists() and _read(record) != json.loads(text):
        raise TrainingError(
            f"{work_dir} holds another run (recipe, data or seed differ): give another --work-dir, or delete it"
        )
    work_dir.mkdir(parents=True, exist_ok=True)
    partial = record.with_suffix(".partial")
    partial.write_text(text + "\n", encoding="utf-8")
    partial.replace(record)


def _read(record: Path) -> Any:
    try:
        return json.loads(record.read_text(encoding="utf-8"))
    except ValueError as error:
        raise TrainingError(
            f"{record}: damaged, so that nobody knows whose checkpoints lie there ({error}): give another --work-dir, "
            "or delete the folder"
        ) from error
