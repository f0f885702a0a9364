"""What of poseflow works on this machine, and for everything that does not, the command that mends it.

Every package is really imported, in a process of its own; this one imports none of them.
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement

from poseflow.import_probe import ProbeResult, run_probes

NODEPS_FILE = Path(__file__).with_name("requirements-nodeps.txt")
"""Requirements that are installed with `pip install --no-deps -r`."""

ALTERNATIVES = {
    "mmcv-lite": ("mmcv",),
    "opencv-python": ("opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless"),
}
"""Distribution -> others that give the same module, and serve as well."""

IMPORTS = {
    "absl-py": "import absl",
    "attrs": "import attr",
    "mediapipe": "from poseflow.detect.blazepose import BlazePosePredictor; BlazePosePredictor()",
    "mmcv-lite": "from poseflow.detect.openmmlab import prepare; prepare(); import mmcv",
    "mmdet": "from poseflow.detect.openmmlab import prepare; prepare(); import mmdet.models",
    "mmpose": "from poseflow.detect.openmmlab import prepare; prepare(); import mmpose.models",
    "opencv-python": "import cv2",
    "pillow": "import PIL.Image",
    "protobuf": "import google.protobuf",
    "pyarrow": "import pyarrow.parquet",
    "pycocotools": "import pycocotools.mask",
    "safetensors": "import safetensors.torch",
    "scikit-learn": "import sklearn",
    "setuptools": "import warnings; warnings.simplefilter('ignore'); import pkg_resources",
    "tensorboard": "from torch.utils.tensorboard import SummaryWriter",
}
"""Distribution -> statements that use it as poseflow does; the default is to import the module of its name."""

PARTS = {
    "device": (
        "import torch\n"
        "names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]\n"
        "cuda = [f'cuda ({name})' for name in names] if torch.cuda.is_available() else []\n"
        "result = ', '.join([*cuda, *['mps'] * torch.backends.mps.is_available(), 'cpu'])"
    ),
    "H.264 video": (
        "import av\n"
        "from av.codec import Codec\n"
        "encoder = Codec('libx264', 'w').name\n"
        "decoders = [Codec(name, 'r').name for name in ('h264', 'hevc', 'vp9')]\n"
        "result = f'writes with {encoder}, reads ' + ', '.join(decoders)"
    ),
    "shipped model": (
        "from vvipe import Embedder\nembedder = Embedder.from_pretrained()\nresult = getattr(embedder, 'model', '')"
    ),
    "mmpose weights": (
        "from poseflow.detect.registry import MODELS\n"
        "from poseflow.detect.weights import find_local, weights_folders\n"
        "found = [name for name, entry in MODELS.items() if find_local(entry)]\n"
        "folders = ', '.join(map(str, weights_folders()))\n"
        "tasks = {MODELS[name].task for name in found}\n"
        "if not ('onestage' in tasks or {'person', 'topdown'} <= tasks):\n"
        "    raise LookupError(f'not at hand; looked for in {folders} (POSEFLOW_WEIGHTS adds folders)')\n"
        "result = ', '.join(found) + f'; from {folders}'"
    ),
}
"""Part of poseflow -> statements that try it."""


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        kind: ``system``, ``package`` or ``part``.
        name: What was looked at, e.g. ``torch``.
        status: ``ok``; ``note`` where something is less than it could be; ``problem``.
        found: Version or description; empty where nothing was found.
        wanted: The requirement, e.g. ``>=2.6``; empty where any will do.
        problem: Why it does not work; empty where it does.
        fix: The command that mends it; empty where none does, or none is needed.
    """

    kind: Literal["system", "package", "part"]
    name: str
    status: Literal["ok", "note", "problem"]
    found: str = ""
    wanted: str = ""
    problem: str = ""
    fix: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """Everything that was looked at.

    Attributes:
        checks: In the order to show them.
        detectors: Those that can detect people right now, without a download.
        can_embed: Whether `poseflow embed` can run, with at least one detector.
    """

    checks: tuple[Check, ...]
    detectors: tuple[str, ...]
    can_embed: bool

    def to_json(self) -> str:
        """The diagnosis as one JSON object."""
        return json.dumps(asdict(self), indent=2)


def diagnose(*, on_start: Callable[[str], None] = lambda name: None) -> Diagnosis:
    """Looks at everything; takes about ten seconds.

    Args:
        on_start: Is told the name of each package or part before it is tried.
    """
    installed = _installed_versions()
    requirements = [*_own_requirements(), *nodeps_requirements()]
    present = [r for r in requirements if _provider(r.name, installed)]
    probes = {r.name: IMPORTS.get(r.name, f"import {r.name.replace('-', '_')}") for r in present}
    results = run_probes(probes | PARTS, on_start=on_start)
    checks = (
        *_system_checks(installed),
        *(_package_check(requirement, installed, results) for requirement in requirements),
        *_opencv_collision(installed),
        *(_part_check(name, results[name]) for name in PARTS),
    )
    detectors = tuple(_usable_detectors(results))
    needed = ("device", "H.264 video", "shipped model")
    can_embed = bool(detectors) and all(results[part].error is None for part in needed)
    return Diagnosis(checks, detectors, can_embed)


def format_diagnosis(diagnosis: Diagnosis) -> str:
    """The diagnosis as text for a terminal; each problem is followed by its reason and the command that mends it."""
    marks = {"ok": "ok ", "note": "-  ", "problem": "!! "}
    lines = []
    for check in diagnosis.checks:
        wanted = f"(wanted: {check.wanted})" if check.wanted and check.status != "ok" else ""
        lines.append(f"{marks[check.status]} {check.name:<15} {check.found} {wanted}".rstrip())
        if check.problem:
            lines.append(f"      {check.problem}")
        if check.fix:
            lines.append(f"      mend it: {check.fix}")
    detectors = ", ".join(diagnosis.detectors) or "none"
    lines.append(f"\ndetectors that can run now: {detectors}")
    lines.append(f"poseflow embed and match can{'' if diagnosis.can_embed else 'not'} run on this machine")
    return "\n".join(lines)


def nodeps_requirements() -> list[Requirement]:
    """What is installed without its dependencies, of that which exists for this Python."""
    lines = (line.partition("#")[0].strip() for line in NODEPS_FILE.read_text(encoding="utf-8").splitlines())
    return _that_apply(Requirement(line) for line in lines if line)


def _own_requirements() -> list[Requirement]:
    try:
        texts = importlib.metadata.requires("poseflow") or []
    except importlib.metadata.PackageNotFoundError:
        return []
    return _that_apply(Requirement(text) for text in texts)


def _that_apply(requirements: Iterable[Requirement]) -> list[Requirement]:
    return [r for r in requirements if r.marker is None or r.marker.evaluate({"extra": ""})]


def _installed_versions() -> dict[str, str]:
    """Distribution -> version, names written as pip does."""
    found = importlib.metadata.distributions()
    return {d.metadata["Name"].lower().replace("_", "-"): d.version for d in found if d.metadata["Name"]}


def _provider(name: str, installed: dict[str, str]) -> str | None:
    """The installed distribution that serves as `name`."""
    return next((other for other in (name, *ALTERNATIVES.get(name, ())) if other in installed), None)


def _system_checks(installed: dict[str, str]) -> Iterator[Check]:
    yield Check("system", "system", "ok", platform.platform())
    version = platform.python_version()
    if (3, 11) <= sys.version_info[:2] <= (3, 12):
        yield Check("system", "Python", "ok", version)
    elif sys.version_info[:2] == (3, 13):
        reason = "mediapipe 0.10.21, the detector that needs no download, has wheels up to Python 3.12"
        yield Check("system", "Python", "note", version, wanted=">=3.11,<3.13", problem=reason)
    else:
        yield Check("system", "Python", "note", version, ">=3.11,<3.13", "poseflow is tested with 3.11, 3.12 and 3.13")
    if "poseflow" in installed:
        yield Check("system", "poseflow", "ok", installed["poseflow"])
    else:
        reason = "it is run from its folder without being installed, so its requirements are not known"
        yield Check("system", "poseflow", "problem", problem=reason, fix=_pip("install", "-e", "."))


def _package_check(requirement: Requirement, installed: dict[str, str], results: dict[str, ProbeResult]) -> Check:
    wanted = str(requirement.specifier)
    provider = _provider(requirement.name, installed)
    fix = _install_command(requirement)
    if provider is None:
        return Check("package", requirement.name, "problem", "", wanted, "not installed", fix)
    version = installed[provider]
    found = version if provider == requirement.name else f"{provider} {version}"
    error = results[requirement.name].error
    if error:
        reason, fix = f"does not work: {error}", _install_command(requirement, is_broken=True)
        return Check("package", requirement.name, "problem", found, wanted, reason, fix)
    if provider == requirement.name and not requirement.specifier.contains(version, prereleases=True):
        return Check("package", requirement.name, "problem", found, wanted, "another version is wanted", fix)
    return Check("package", requirement.name, "ok", found, wanted)


def _opencv_collision(installed: dict[str, str]) -> Iterator[Check]:
    """Several OpenCV distributions overwrite each other's files."""
    several = [name for name in ("opencv-python", *ALTERNATIVES["opencv-python"]) if name in installed]
    if len(several) > 1:
        reason = "several distributions of one module overwrite each other's files"
        wanted = next(r for r in [*_own_requirements(), Requirement("opencv-python")] if r.name == "opencv-python")
        fix = f"{_pip('uninstall', '-y', *several)} && {_install_command(wanted, is_broken=True)}"
        yield Check("package", "cv2", "problem", ", ".join(several), "one of them", reason, fix)


def _part_check(name: str, result: ProbeResult) -> Check:
    if result.error is None:
        return Check("part", name, "ok", result.value)
    if name == "mmpose weights":
        reason = f"{result.error}; the first use of `--detector mmpose` downloads them"
        return Check("part", name, "note", problem=reason)
    fixes = {"H.264 video": _pip("install", "--force-reinstall", "--no-deps", "av"), "shipped model": _restore_model()}
    return Check("part", name, "problem", problem=result.error, fix=fixes.get(name, ""))


def _restore_model() -> str:
    checkout = Path(__file__).parents[1]
    if (checkout / ".git").exists():
        return _shell("git", "-C", str(checkout), "checkout", "--", "vvipe/weights")
    return _pip("install", "--force-reinstall", "--no-deps", "poseflow")


def _usable_detectors(results: dict[str, ProbeResult]) -> Iterator[str]:
    works = {name for name, result in results.items() if result.error is None}
    if {"mmpose", "mmdet", "mmcv-lite", "mmpose weights"} <= works:
        yield "mmpose"
    if "mediapipe" in works:
        yield "blazepose"


def _install_command(requirement: Requirement, *, is_broken: bool = False) -> str:
    """The command that installs the requirement; where it is there but broken, that one package again."""
    is_alone = is_broken or any(requirement.name == other.name for other in nodeps_requirements())
    options = [*["--force-reinstall"] * is_broken, *["--no-deps"] * is_alone]
    return _pip("install", *options, f"{requirement.name}{requirement.specifier}")


def _pip(*arguments: str) -> str:
    return _shell(sys.executable, "-m", "pip", *arguments)


def _shell(*command: str) -> str:
    return subprocess.list2cmdline(command) if sys.platform == "win32" else shlex.join(command)
