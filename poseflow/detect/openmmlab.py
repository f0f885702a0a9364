"""Makes MMPose and MMDetection run on current torch and NumPy with nothing compiled, and builds their models.

mmcv-lite has no compiled operators, xtcocotools has no wheel for NumPy 2, and torchvision, shapely and terminaltables
are imported for things that pose detection never does. `stand_ins` supplies stand-ins for what is missing or does not
work, and only for that: a working package is always the one that is used.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from vvipe.errors import PackageError, WeightsError

# Package that OpenMMLab imports -> a module whose import proves that the package is there and works.
_PROBES = {
    "mmcv.ops": "mmcv._ext",
    "xtcocotools": "xtcocotools.mask",
    "torchvision": "torchvision.transforms",
    "shapely": "shapely.geometry",
    "terminaltables": "terminaltables",
}
# Taken away again after the imports, so that other libraries do not mistake them for the real packages.
_PASSING = ("torchvision", "shapely", "terminaltables")
_INSTALL = "run `pip install --no-deps -r poseflow/requirements-nodeps.txt` (`poseflow doctor` prints the command)"


def _is_within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def _placeholder(module: str, name: str) -> type:
    """A class that can be imported, inherited and compared with, but not constructed."""

    def refuse(self: object, *args: object, **kwargs: object) -> None:
        raise PackageError(
            f"{module}.{name} is needed by this model, and {module.split('.')[0]} is missing or does not work here; "
            "install the real package (for mmcv.ops: mmcv instead of mmcv-lite) or choose another model"
        )

    return type(name, (), {"__init__": refuse, "__module__": module, "__doc__": f"Stand-in of {module}.{name}."})


class StandIns(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Import finder that supplies stand-ins for the given packages and all their submodules."""

    def __init__(self, packages: frozenset[str]) -> None:
        self.packages = packages

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if any(_is_within(fullname, package) for package in self.packages):
            return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        return None

    def exec_module(self, module: ModuleType) -> None:
        name = module.__name__
        if name.startswith("xtcocotools."):
            real = importlib.import_module(name.replace("xtcocotools", "pycocotools", 1))
            vars(module).update({key: value for key, value in vars(real).items() if not key.startswith("__")})
            return
        if _is_within(name, "mmcv.ops"):
            from poseflow.detect.nms import batched_nms, nms

            vars(module).update(nms=nms, batched_nms=batched_nms)

        def placeholder(attribute: str) -> type:
            if attribute.startswith("__"):
                raise AttributeError(attribute)
            found = _placeholder(name, attribute)
            setattr(module, attribute, found)
            return found

        vars(module)["__getattr__"] = placeholder


def _works(module: str) -> bool:
    try:
        with quiet():
            importlib.import_module(module)
    # A package that was built for another NumPy or torch fails at import with any of these.
    except (ImportError, ValueError, RuntimeError, AttributeError, OSError):
        return False
    return True


def _forget(package: str) -> None:
    for name in [name for name in sys.modules if _is_within(name, package)]:
        del sys.modules[name]


@contextmanager
def quiet() -> Iterator[None]:
    """Silences Python warnings: only for calls into the OpenMMLab packages, which rely on much that is deprecated."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@cache
def missing_packages() -> frozenset[str]:
    """Packages that OpenMMLab imports and that are missing or broken here: these get stand-ins."""
    missing = frozenset(package for package, probe in _PROBES.items() if not _works(probe))
    for package in missing:
        _forget(package)
    return missing


@contextmanager
def stand_ins() -> Iterator[None]:
    """Within it, mmpose and mmdet can be imported; afterwards only mmcv.ops and xtcocotools keep their stand-ins."""
    missing = missing_packages()
    passing = StandIns(missing.intersection(_PASSING))
    lasting = StandIns(missing.difference(_PASSING))
    if not any(isinstance(finder, StandIns) and finder.packages == lasting.packages for finder in sys.meta_path):
        sys.meta_path.insert(0, lasting)
    sys.meta_path.insert(0, passing)
    try:
        yield
    finally:
        sys.meta_path.remove(passing)
        for package in passing.packages:
            _forget(package)


@cache
def prepare() -> None:
    """Imports the models of MMPose and MMDetection.

    Raises:
        PackageError: A package is missing or too old or new; the message names the command that mends it.
    """
    if importlib.util.find_spec("pkg_resources") is None:
        raise PackageError("mmengine needs pkg_resources; run `pip install 'setuptools<81'`")
    try:
        with stand_ins(), quiet():
            for module in ("mmpose.models", "mmpose.datasets", "mmdet.models", "mmdet.datasets"):
                importlib.import_module(module)
    except ImportError as error:
        raise PackageError(f"MMPose needs the package {error.name or error}, which is missing; {_INSTALL}") from error
    except AssertionError as error:  # how mmpose and mmdet refuse a version of mmcv or mmengine
        raise PackageError(f"the OpenMMLab packages do not fit together: {error}; {_INSTALL}") from error


def installed_config(package: str, config: str) -> Path:
    """Path of a config file that `package` (mmpose or mmdet) installs in its ``.mim`` folder."""
    prepare()
    origin = sys.modules[package].__file__
    assert origin is not None
    path = Path(origin).parent / ".mim" / config
    if not path.is_file():
        raise PackageError(f"{package} is installed without its config {config}; {_INSTALL}")
    return path


def load_config(path: Path) -> Any:
    """The mmengine Config of a file, which is Python code and is run.

    Raises:
        WeightsError: No such file, or it cannot be read as a model's config.
    """
    prepare()
    from mmengine.config import Config

    if not path.is_file():
        raise WeightsError(f"no such model config: {path}")
    try:
        with quiet(), stand_ins():
            config = Config.fromfile(str(path))
    except Exception as error:  # the file is foreign code: it can raise anything
        raise WeightsError(f"{path} cannot be read as an OpenMMLab config: {error}") from error
    if "model" not in config:
        raise WeightsError(f"{path} describes no model (it has no `model = dict(...)`)")
    return config


def build_model(config: Any, *, scope: str) -> Any:
    """The network that a config describes, with random weights, in evaluation mode on the CPU.

    Args:
        config: From `load_config`.
        scope: ``mmpose`` or ``mmdet``, whose names the config uses.

    Raises:
        WeightsError: The config does not describe a model that these packages can build.
    """
    prepare()
    from mmengine.model import revert_sync_batchnorm
    from mmengine.registry import DefaultScope

    registry = importlib.import_module(f"{scope}.registry").MODELS
    settings = config.model.copy()
    settings.pop("train_cfg", None)
    try:
        with quiet(), stand_ins(), DefaultScope.overwrite_default_scope(scope):
            return revert_sync_batchnorm(registry.build(settings)).eval()
    except (KeyError, TypeError, ValueError, AttributeError, AssertionError, ImportError) as error:
        raise WeightsError(f"{config.filename}: {scope} cannot build this model: {error}") from error


def load_weights(model: Any, checkpoint: Path) -> dict[str, Any]:
    """Fills `model` with a checkpoint's weights, strictly; returns the checkpoint's ``meta`` (may be empty).

    Raises:
        WeightsError: The file cannot be read, or is of another model.
    """
    from poseflow.detect.checkpoints import load_checkpoint, state_dict_of

    content = load_checkpoint(checkpoint)
    state = state_dict_of(content, checkpoint)
    # Older releases stored the picture's mean and deviation, which come from the config.
    state = {name: value for name, value in state.items() if not name.startswith("data_preprocessor.")}
    try:
        missing, unexpected = model.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise WeightsError(f"{checkpoint} does not fit the model config: {error}") from error
    if missing or unexpected:
        raise WeightsError(
            f"{checkpoint} does not fit the model config: {len(missing)} weights are missing and {len(unexpected)} "
            f"are unknown, e.g. {', '.join((missing + unexpected)[:3])}"
        )
    meta = content.get("meta")
    return meta if isinstance(meta, dict) else {}
