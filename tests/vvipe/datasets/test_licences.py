from __future__ import annotations

import numpy as np
import pytest

from vvipe.datasets.licences import UNKNOWN, licence_entries
from vvipe.datasets.mocap import MocapSequence, read_npz


def _take(name: str, subject: str) -> MocapSequence:
    return MocapSequence(name, subject, "", 60, np.zeros((1, 17, 3), np.float32))


def test_each_source_is_named_once_with_its_terms():
    takes = [_take("02_01", "cmu02"), _take("8act_train_soccer_1", "cmu8act"), _take("x_zombie", "cmu_gs1")]
    takes += [_take("HDM_bd_squat1Reps_001_120", "bd"), _take("02_01_poses", "amass/CMU/02")]
    cmu, hdm05, amass = licence_entries(takes)
    assert (cmu["source"], cmu["takes"]) == ("CMU Graphics Lab Motion Capture Database", 3)
    assert "mocap.cs.cmu.edu" in cmu["acknowledgement"] and "NSF EIA-0196217" in cmu["acknowledgement"]
    assert hdm05["licence"] == "CC BY-SA 3.0"
    assert amass["source"] == "AMASS" and "non-commercial" in amass["licence"]


@pytest.mark.parametrize(("stated", "licence"), [(None, UNKNOWN), ("CC0", "CC0")])
def test_terms_of_other_sources_are_the_users_to_state(stated, licence):
    (other,) = licence_entries([_take("dance", "me")], stated=stated)
    assert other == {"source": "other", "takes": 1, "licence": licence, "acknowledgement": ""}


def test_stated_terms_do_not_replace_those_of_known_sources():
    cmu, other = licence_entries([_take("02_01", "02"), _take("dance", "me")], stated="CC0")
    assert "free for all uses" in cmu["licence"] and other["licence"] == "CC0"


def test_no_takes_have_no_terms():
    assert licence_entries([]) == []


@pytest.mark.real_data
@pytest.mark.parametrize(("name", "source"), [("cmu_more", "CMU Graphics Lab"), ("hdm05", "HDM05")])
def test_every_take_of_the_open_files_is_recognised(name, source, real_file):
    (entry,) = licence_entries(read_npz(real_file(f"data/mocap/{name}.npz")))
    assert entry["source"].startswith(source)
