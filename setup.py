"""Packaging of poseflow; the tools' settings are in pyproject.toml."""

from pathlib import Path

from setuptools import setup

setup(
    name="poseflow",
    version="0.1.0",
    description="View-invariant human movement analysis of video: embed, match and score poses across cameras",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=[
        "vvipe",
        "vvipe.models",
        "vvipe.datasets",
        "vvipe.configs",
        "vvipe.weights",
        "poseflow",
        "poseflow.detect",
        "poseflow.formats",
        "poseflow_cli",
        "poseflow_benchmarks",
    ],
    package_dir={"poseflow_cli": "cli", "poseflow_benchmarks": "benchmarks"},
    package_data={"vvipe.weights": ["*.safetensors", "*.json", "*.md"], "poseflow": ["*.txt"]},
    install_requires=[
        "torch>=2.6",
        "mmengine>=0.10.7",
        "setuptools<81",  # mmengine 0.10 imports pkg_resources
        "opencv-python>=4.10",
        "numpy>=2",
        "scipy>=1.13",
        "hdbscan>=0.8.40",
        "click>=8.1",
        "pytest>=8",
        "av>=14",
        "pyarrow>=17",
        "safetensors>=0.5",
        "tqdm>=4.66",
        "tensorboard>=2.18",
        "onnxruntime>=1.19",
        "pycocotools>=2.0.8",
    ],
    entry_points={"console_scripts": ["poseflow = poseflow_cli.main:main"]},
)
