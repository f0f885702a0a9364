import subprocess
import sys
import warnings

import pytest
import torch

from poseflow.detect import openmmlab
from vvipe.errors import PackageError, WeightsError

RTMPOSE_T = "configs/body_2d_keypoint/rtmpose/body8/rtmpose-t_8xb256-420e_body8-256x192.py"


def run(program, *folders):
    """Runs a program in a fresh interpreter in which warnings are errors."""
    path = "".join(f"sys.path.insert(0, {str(folder)!r})\n" for folder in folders)
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", "import sys\n" + path + program], capture_output=True, text=True
    )


def test_importing_the_module_imports_nothing_heavy():
    done = run("import poseflow.detect.openmmlab\nassert not {'torch', 'mmpose', 'mmcv'} & set(sys.modules)")
    assert done.returncode == 0, done.stderr


def test_real_models_import_in_a_fresh_interpreter_without_a_word():
    done = run(
        "from poseflow.detect.openmmlab import prepare\nprepare()\nimport mmpose.models, mmdet.models\n"
        "assert 'torchvision' not in sys.modules or hasattr(sys.modules['torchvision'], '__version__')"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "" and done.stderr == ""


@pytest.mark.parametrize("package", ["mmpose", "mmdet", "mmcv"])
def test_missing_package_names_the_command(package):
    done = run(
        f"sys.modules[{package!r}] = None\nfrom poseflow.detect.openmmlab import prepare\n"
        "from vvipe.errors import PackageError\n"
        "try: prepare()\nexcept PackageError as error: print(error)"
    )
    assert "pip install --no-deps -r poseflow/requirements-nodeps.txt" in done.stdout, done.stderr
    assert package in done.stdout


def test_missing_pkg_resources_names_the_command():
    done = run(
        "import importlib.util\nfind = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *rest: None if name == 'pkg_resources' else find(name, *rest)\n"
        "from poseflow.detect.openmmlab import prepare\nprepare()"
    )
    assert "PackageError" in done.stderr and "setuptools<81" in done.stderr


def fake_package(folder, name, *modules):
    (folder / name).mkdir()
    for module in ("__init__", *modules):
        (folder / name / f"{module}.py").write_text("COCO = COCOeval = ToPILImage = 'the real one'\n")


def test_working_packages_are_preferred_to_stand_ins(tmp_path):
    fake_package(tmp_path, "xtcocotools", "coco", "cocoeval", "mask")
    fake_package(tmp_path, "torchvision", "transforms")
    done = run(
        "from poseflow.detect.openmmlab import missing_packages, prepare, stand_ins\nprepare()\n"
        "assert not {'xtcocotools', 'torchvision'} & missing_packages()\n"
        "from xtcocotools.coco import COCO\n"
        "with stand_ins(): from torchvision.transforms import ToPILImage\n"
        "assert COCO == ToPILImage == 'the real one'",
        tmp_path,
    )
    assert done.returncode == 0, done.stderr


def test_package_built_for_another_numpy_gets_a_stand_in(tmp_path):
    fake_package(tmp_path, "xtcocotools", "coco", "cocoeval")
    message = "numpy.dtype size changed, may indicate binary incompatibility"
    (tmp_path / "xtcocotools" / "mask.py").write_text(f"raise ValueError({message!r})\n")
    done = run(
        "from poseflow.detect.openmmlab import missing_packages, prepare\nprepare()\n"
        "assert 'xtcocotools' in missing_packages()\n"
        "from xtcocotools.coco import COCO\nfrom xtcocotools.mask import decode\nfrom pycocotools import coco\n"
        "assert COCO is coco.COCO",
        tmp_path,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def prepared():
    openmmlab.prepare()
    if "mmcv.ops" not in openmmlab.missing_packages():
        pytest.skip("a compiled mmcv is installed")


def test_placeholder_can_be_imported_but_not_constructed(prepared):
    from mmcv.ops import DeformConv2d
    from mmcv.ops.carafe import CARAFEPack

    assert not isinstance(torch.nn.ReLU(), DeformConv2d)
    for missing in (DeformConv2d, CARAFEPack):
        with pytest.raises(PackageError, match=rf"mmcv\.ops.*{missing.__name__} is needed by this model"):
            missing(3, 3)


def test_nms_of_the_stand_in_is_ours(prepared):
    import mmcv.ops
    import mmcv.ops.nms

    from poseflow.detect import nms

    assert mmcv.ops.batched_nms is nms.batched_nms
    assert mmcv.ops.nms.batched_nms is nms.batched_nms


def test_inference_api_of_mmpose_imports_within_stand_ins():
    openmmlab.prepare()
    with openmmlab.quiet(), openmmlab.stand_ins():
        from mmpose.apis import inference_topdown
    assert callable(inference_topdown)


def test_warnings_are_silenced_within_quiet_only():
    with openmmlab.quiet():
        warnings.warn("from a library", UserWarning, stacklevel=1)
    with pytest.warns(UserWarning, match="ours"):
        warnings.warn("ours", UserWarning, stacklevel=1)


def test_missing_and_broken_configs_are_named(tmp_path):
    with pytest.raises(WeightsError, match=r"no such model config: .*gone\.py"):
        openmmlab.load_config(tmp_path / "gone.py")
    (tmp_path / "broken.py").write_text("model = dict(")
    with pytest.raises(WeightsError, match=r"broken\.py cannot be read"):
        openmmlab.load_config(tmp_path / "broken.py")
    (tmp_path / "empty.py").write_text("x = 1\n")
    with pytest.raises(WeightsError, match=r"empty\.py describes no model"):
        openmmlab.load_config(tmp_path / "empty.py")
    (tmp_path / "odd.py").write_text("model = dict(type='NoSuchNetwork')\n")
    with pytest.raises(WeightsError, match="NoSuchNetwork"):
        openmmlab.build_model(openmmlab.load_config(tmp_path / "odd.py"), scope="mmpose")


def test_weights_load_strictly(tmp_path):
    model = openmmlab.build_model(
        openmmlab.load_config(openmmlab.installed_config("mmpose", RTMPOSE_T)), scope="mmpose"
    )
    state = model.state_dict()
    name = next(iter(state))
    torch.save({"state_dict": {**state, "data_preprocessor.mean": torch.zeros(3)}}, tmp_path / "good.pth")
    assert openmmlab.load_weights(model, tmp_path / "good.pth") == {}
    torch.save({"state_dict": {**state, "extra": torch.zeros(1)}}, tmp_path / "extra.pth")
    with pytest.raises(WeightsError, match="0 weights are missing and 1 are unknown, e.g. extra"):
        openmmlab.load_weights(model, tmp_path / "extra.pth")
    torch.save({"state_dict": {**state, name: torch.zeros(1)}}, tmp_path / "shape.pth")
    with pytest.raises(WeightsError, match="does not fit the model config"):
        openmmlab.load_weights(model, tmp_path / "shape.pth")
    del state[name]
    torch.save({"state_dict": state}, tmp_path / "less.pth")
    with pytest.raises(WeightsError, match="1 weights are missing and 0 are unknown"):
        openmmlab.load_weights(model, tmp_path / "less.pth")
