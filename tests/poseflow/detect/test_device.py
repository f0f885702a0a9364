import pytest
import torch

from poseflow.detect.device import resolve_device
from vvipe.errors import DeviceError


def test_auto_is_cuda_exactly_where_torch_sees_it():
    assert resolve_device() == ("cuda" if torch.cuda.is_available() else "cpu")


def test_cpu_is_always_there():
    assert resolve_device("cpu") == "cpu"


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
@pytest.mark.parametrize("device", ["cuda", "cuda:0"])
def test_absent_cuda_is_an_error_not_a_fallback(device):
    with pytest.raises(DeviceError, match="sees 0 CUDA device"):
        resolve_device(device)


def test_cuda_number_beyond_the_last_is_an_error():
    with pytest.raises(DeviceError, match="cuda:99"):
        resolve_device("cuda:99")


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="this machine has MPS")
def test_absent_mps_is_an_error():
    with pytest.raises(DeviceError, match="Apple GPU"):
        resolve_device("mps")


@pytest.mark.parametrize("device", ["gpu", "", "cpu:1", "cuda:x"])
def test_unknown_device_is_the_callers_mistake(device):
    with pytest.raises(ValueError, match="device"):
        resolve_device(device)
