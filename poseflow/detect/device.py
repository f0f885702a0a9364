"""Which device a network runs on: what was asked for, or an error; never another one in silence."""

from __future__ import annotations

from vvipe.errors import DeviceError


def resolve_device(device: str = "auto") -> str:
    """Name of a device that is there, for torch: ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.

    Args:
        device: One of those, or ``auto``: CUDA where torch sees a GPU, else the CPU (MPS only by its name).

    Raises:
        ValueError: Not a device name.
        DeviceError: The device was asked for and is not there.
    """
    import torch

    kind, _, number = device.partition(":")
    if kind not in ("auto", "cpu", "cuda", "mps") or (number and (kind != "cuda" or not number.isdecimal())):
        raise ValueError(f"device: expected auto, cpu, cuda, cuda:N or mps, got {device!r}")
    if kind == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if kind == "cuda":
        found = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if int(number or 0) >= found:
            raise DeviceError(
                f"device {device!r} was asked for, but torch {torch.__version__} sees {found} CUDA device(s); "
                "install a CUDA build of torch and its driver, or choose --device cpu"
            )
    if kind == "mps" and not torch.backends.mps.is_available():
        raise DeviceError(
            f"device 'mps' was asked for, but torch {torch.__version__} finds no Apple GPU here; choose --device cpu"
        )
    return device
