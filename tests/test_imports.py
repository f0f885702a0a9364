"""Who may import whom, and what importing costs; read off the source, so that a new file cannot slip through."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from poseflow.doctor import nodeps_requirements

ROOT = Path(__file__).parents[1]
PACKAGES = {"vvipe": "vvipe", "poseflow": "poseflow", "poseflow_benchmarks": "benchmarks", "poseflow_cli": "cli"}
"""Name as installed -> folder, lowest layer first: each may import those before it."""

SOURCES = [path for folder in PACKAGES.values() for path in sorted((ROOT / folder).rglob("*.py"))]
HEAVY = {"torch", "cv2", "av", "mediapipe", "mmengine", "mmcv", "mmdet", "mmpose", "onnxruntime", "pyarrow", "scipy"}


def imported_modules(path: Path) -> Iterator[tuple[str, int]]:
    """Absolute name and line of every import of the file, inside functions too."""
    package = [name for name, folder in PACKAGES.items() if path.is_relative_to(ROOT / folder)]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            is_relative = node.level > 0
            yield ".".join([*(package if is_relative else []), *([node.module] if node.module else [])]), node.lineno
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("importorskip", "import_module")):
            yield from ((name.value, node.lineno) for name in node.args[:1] if isinstance(name, ast.Constant))


def offences(is_forbidden) -> list[str]:
    """Places in the packages where `is_forbidden(path relative to the root, imported module)`."""
    return [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for path in SOURCES
        for module, line in imported_modules(path)
        if is_forbidden(path.relative_to(ROOT).as_posix(), module)
    ]


def top(module: str) -> str:
    return module.partition(".")[0]


def test_every_source_file_is_read():
    assert {path.relative_to(ROOT).parts[0] for path in SOURCES} == set(PACKAGES.values())


def test_imports_point_downward():
    layers = list(PACKAGES)
    rank = {folder: layers.index(name) for name, folder in PACKAGES.items()}

    def is_upward(path: str, module: str) -> bool:
        return top(module) in layers and layers.index(top(module)) > rank[path.split("/")[0]]

    assert not offences(is_upward)


def test_folders_are_imported_under_their_installed_names():
    assert not offences(lambda path, module: top(module) in {"cli", "benchmarks", "tests", "scripts"})


def test_imports_inside_the_command_line_are_relative():
    absolute = [
        f"{path.name}:{node.lineno}"
        for path in (ROOT / "cli").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.level == 0 and top(node.module or "") == "poseflow_cli"
    ]
    assert not absolute


def test_only_the_detection_folder_imports_the_openmmlab_models():
    def is_foreign(path: str, module: str) -> bool:
        return top(module) in {"mmpose", "mmdet", "mmcv"} and not path.startswith("poseflow/detect/")

    assert not offences(is_foreign)


def test_mmengine_serves_detection_and_training_alone():
    def is_foreign(path: str, module: str) -> bool:
        training = ("poseflow/detect/", "vvipe/train", "vvipe/systems/train")
        return top(module) == "mmengine" and not path.startswith(training)

    assert not offences(is_foreign)


def test_only_the_command_line_imports_click():
    assert not offences(lambda path, module: top(module) == "click" and not path.startswith("cli/"))


def test_no_window_is_opened():
    names = {"imshow", "namedWindow", "waitKey", "destroyAllWindows", "selectROI"}
    used = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Attribute) and node.attr in names) or (isinstance(node, ast.Name) and node.id in names)
    ]
    assert not used


def declared_distributions() -> set[str]:
    """Names of everything that setup.py and the no-deps file ask for."""
    tree = ast.parse((ROOT / "setup.py").read_text(encoding="utf-8"))
    lists = [
        ast.literal_eval(keyword.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg in {"install_requires", "extras_require"}
    ]
    required = [*lists[0], *(text for extra in lists[1].values() for text in extra)]
    return {Requirement(text).name.lower() for text in required} | {r.name for r in nodeps_requirements()}


@pytest.mark.parametrize("folder", [*PACKAGES.values(), "tests"])
def test_every_foreign_package_is_required_by_the_project(folder):
    distributions = packages_distributions()
    shared_by_tests = {path.stem for path in (ROOT / "tests").rglob("*.py")} if folder == "tests" else set()
    ours = {*PACKAGES, *sys.stdlib_module_names, "tests", *shared_by_tests}
    wanted = {top(module) for path in (ROOT / folder).rglob("*.py") for module, _ in imported_modules(path)} - ours
    missing = {m for m in wanted if not {d.lower() for d in distributions.get(m, [m])} & declared_distributions()}
    # Stand-ins and real ones where they are there: none of them is a requirement (see detect/openmmlab.py).
    assert missing <= {"torchvision", "xtcocotools"}, f"add them to setup.py: {missing}"


def test_the_lock_pins_every_requirement():
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pinned = {line.partition("==")[0] for line in lines if "==" in line}
    in_own_file = {r.name for r in nodeps_requirements()} | {"mediapipe"}
    assert declared_distributions() - in_own_file <= pinned


def test_project_files_do_not_point_beside_the_checkout():
    neighbour = "../" + "shared"
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode:
        pytest.skip(f"{ROOT} is no git checkout")
    texts = [ROOT / name for name in tracked.stdout.split("\0") if name and not name.endswith((".safetensors", ".png"))]
    naming = [p for p in texts if p.is_file() and neighbour in p.read_text(encoding="utf-8", errors="ignore")]
    assert {path.relative_to(ROOT).as_posix() for path in naming} <= {"tests/conftest.py"}


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_a_package_is_silent_and_light(package):
    code = f"import sys, {package}; print(sorted({HEAVY} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (result.stdout.strip(), result.stderr) == ("[]", "")
