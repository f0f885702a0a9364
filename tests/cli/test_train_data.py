from __future__ import annotations

from amass_files import write_amass
from poseflow_cli.main import main


def test_amass_without_a_body_model_is_a_message_that_names_the_option(tmp_path, capsys):
    path = write_amass(tmp_path / "x.npz")
    assert main(["train", "vvipe_cmu", "--data", str(path), "--work-dir", str(tmp_path / "run")]) == 1
    error = capsys.readouterr().err
    assert "--body-model" in error and "mano.is.tue.mpg.de" in error
    assert not (tmp_path / "run").exists()
