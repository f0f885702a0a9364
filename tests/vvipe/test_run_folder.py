from __future__ import annotations

import pytest

from vvipe.errors import TrainingError
from vvipe.run_folder import RECORD, claim_folder

RUN = {"recipe": {"name": "x", "rates": (0.1, 2)}, "seed": 0}


def test_the_same_run_may_come_again(tmp_path):
    claim_folder(tmp_path / "new" / "run", RUN)
    claim_folder(tmp_path / "new" / "run", RUN)
    assert [path.name for path in (tmp_path / "new" / "run").iterdir()] == [RECORD]


def test_another_run_is_refused_and_leaves_the_record_alone(tmp_path):
    claim_folder(tmp_path, RUN)
    before = (tmp_path / RECORD).read_text()
    with pytest.raises(TrainingError, match="another run"):
        claim_folder(tmp_path, RUN | {"seed": 1})
    assert (tmp_path / RECORD).read_text() == before


@pytest.mark.parametrize("text", ["", '{"recipe": {"na', "\xff"])
def test_a_damaged_record_is_named_with_what_to_do(tmp_path, text):
    (tmp_path / RECORD).write_bytes(text.encode("latin-1"))
    with pytest.raises(TrainingError, match=r"run\.json: damaged.* --work-dir"):
        claim_folder(tmp_path, RUN)
