import os
import sys
from pathlib import Path

import pytest

from poseflow.errors import OutputError
from poseflow.output import atomic_path, check_writable

from .clips import names_in


def test_file_appears_when_the_block_ends(tmp_path):
    target = tmp_path / "result.json"
    with atomic_path(target) as temporary:
        temporary.write_text("new")
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".json"
        assert not target.exists()
    assert target.read_text() == "new"
    assert names_in(tmp_path) == ["result.json"]


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_failure_keeps_the_old_file_and_leaves_nothing(tmp_path, failure):
    target = tmp_path / "result.json"
    target.write_text("old")
    with pytest.raises(failure), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise failure
    assert target.read_text() == "old"
    assert names_in(tmp_path) == ["result.json"]


def test_failure_before_anything_is_written_is_passed_on(tmp_path):
    with pytest.raises(RuntimeError), atomic_path(tmp_path / "a.txt"):
        raise RuntimeError
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("use", [check_writable, lambda path: atomic_path(path).__enter__()])
def test_missing_folder_is_told_before_any_work(tmp_path, use):
    with pytest.raises(OutputError, match="does not exist; make it first"):
        use(tmp_path / "missing" / "a.txt")


def test_folder_as_target_is_an_error(tmp_path):
    with pytest.raises(OutputError, match="is a folder; name a file in it"):
        check_writable(tmp_path)


def test_file_as_folder_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="is a file, not a folder"):
        check_writable(tmp_path / "file" / "a.txt")


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="no /dev/null here")
def test_device_is_never_replaced():
    with pytest.raises(OutputError, match="no ordinary file"):
        check_writable("/dev/null")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is of Linux")
def test_folder_that_takes_no_files_is_an_error():
    with pytest.raises(OutputError, match="cannot write in /proc"):
        check_writable("/proc/a.txt")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_write_protected_file_is_an_error(tmp_path):
    target = tmp_path / "a.txt"
    target.touch(mode=0o444)
    with pytest.raises(OutputError, match="write-protected"):
        check_writable(target)


def test_check_leaves_nothing_behind(tmp_path):
    check_writable(tmp_path / "a.txt")
    assert names_in(tmp_path) == []


def test_link_is_followed(tmp_path):
    real, link = tmp_path / "real.txt", tmp_path / "link.txt"
    real.write_text("old")
    link.symlink_to(real)
    with atomic_path(link) as temporary:
        temporary.write_text("new")
    assert link.is_symlink()
    assert real.read_text() == "new"


def test_long_name_fits(tmp_path):
    target = tmp_path / ("n" * 240 + ".txt")
    with atomic_path(target) as temporary:
        temporary.write_text("new")
    assert target.exists()


def test_new_file_has_the_usual_permissions(tmp_path):
    (tmp_path / "usual.txt").touch()
    with atomic_path(tmp_path / "a.txt") as temporary:
        temporary.touch()
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "usual.txt").stat().st_mode
