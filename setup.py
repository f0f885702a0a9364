"""Packaging of poseflow; the tools' settings are in pyproject.toml, the exact versions in requirements.lock."""

from pathlib import Path

from setuptools import setup

setup(
    name="poseflow",
    version="0.1.0",
    description="View-invariant human movement analysis of video: embed, match and score poses across cameras",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.11",
    packages=[
        "vvipe",
        "vvipe.models",
        "vvipe.datasets",
        "vvipe.configs",
        "vvipe.systems",
        "vvipe.weights",
        "poseflow",
        "poseflow.detect",
        "poseflow.formats",
        "poseflow.report",
        "poseflow.segmentation",
        "poseflow_cli",
        "poseflow_benchmarks",
    ],
    package_dir={"poseflow_cli": "cli", "poseflow_benchmarks": "benchmarks"},
    package_data={
        "vvipe.weights": ["*.safetensors", "*.json", "*.md"],
        "poseflow": ["*.txt", "*.json"],
        "poseflow.report": ["assets/*"],
        "poseflow_benchmarks": ["results/*.json", "results/open/*.json"],
    },
    install_requires=[
        "torch>=2.6",
        "mmengine>=0.10.7",
        "setuptools<81",  # mmengine 0.10 imports pkg_resources
        "opencv-python>=4.10",
        "numpy>=2",
        "scipy>=1.13",
        "scikit-learn>=1.5",  # t-SNE of the embedding; hdbscan needs it too
        "hdbscan>=0.8.40",
        "ruptures>=1.1.9",  # change points
        "click>=8.1",
        "pytest>=8",
        "av>=14",
        "pyarrow>=17",
        "cdflib>=1.3",  # Human3.6M comes as CDF files
        "h5py>=3.11",
        "safetensors>=0.5",
        "tqdm>=4.66",
        "tensorboard>=2.18",
        "jaxtyping>=0.2.34",
        "onnxruntime>=1.19",
        "packaging>=23",
        "xarray>=2024.10",  # with h5netcdf: tracks in the layout of movement
        "h5netcdf>=1.4",
        # What the packages of poseflow/requirements-nodeps.txt import; their own metadata is not followed.
        "absl-py>=2",
        "attrs>=23",
        "flatbuffers>=23",
        "json-tricks>=3.17",
        "matplotlib>=3.9",
        "munkres>=1.1.4",
        "pillow>=10",
        "protobuf>=6.31.1,<7",  # mediapipe 0.10.21 fails with 7, onnx 1.23 with 5
        "pycocotools>=2.0.8",
        "six>=1.16",
    ],
    extras_require={
        "search": ["faiss-cpu>=1.9"],  # the index of `poseflow search --index`
        "dev": [
            "mypy>=1.13",
            "ruff>=0.9",
            # What tests compare with.
            "dtaidistance>=2.3",
            "faiss-cpu>=1.9",
            "pandas>=2.2",
            "pympi-ling>=1.70",  # reads the .eaf files back
            "sleap-io>=0.6",
            "tables>=3.10",
        ],
    },
    entry_points={"console_scripts": ["poseflow = poseflow_cli.main:main"]},
)
