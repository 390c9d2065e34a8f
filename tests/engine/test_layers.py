"""The general pieces of the fast path, each against its definition."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from opscore.engine import activation_kernels
from opscore.engine.execute import layers
from opscore.engine.execute.pool import AveragePool
from opscore.proxies.nwot import activation_kernel, is_relu
from opscore.supernets import signs


class Viewed(nn.Module):
    """A rectifier of a value of which a view is still read."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.d, self.e, self.relu = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1), nn.ReLU()
        self.again = nn.ReLU()

    def forward(self, x):
        x = self.norm(self.conv(x))
        view = x[:, :, ::2, ::2]
        beside = self.relu(self.e(view))
        return view + self.d(self.again(x))[:, :, ::2, ::2] + beside


def test_what_is_viewed_is_not_rectified_in_place():
    torch.manual_seed(0)
    network, last = Viewed().eval(), nn.ReLU()
    whole = nn.Sequential(network, last, nn.Flatten())
    images = torch.randn(6, 3, 8, 8)
    none = torch.zeros(1, 0, 0)
    ((_, found),) = activation_kernels(whole, none, images, run_removed=False)
    torch.testing.assert_close(found, activation_kernel(whole, images, is_relu))


def kernel_by_definition(codes):
    agree = codes[:, None, :] == codes[None, :, :]
    return agree.sum(dim=2).double()


@pytest.mark.parametrize("integer", [True, False])
@pytest.mark.parametrize("shape", [(1, 7), (5, 64), (131, 300)])
def test_the_sign_kernel_is_exact(monkeypatch, integer, shape):
    monkeypatch.setattr(signs, "_has_fast_int8", lambda: integer)
    monkeypatch.setattr(signs, "CHUNK", 100)  # several chunks
    codes = torch.rand(shape, generator=torch.Generator().manual_seed(0)) > 0.4
    kernel = signs.SignKernel(shape[0], torch.device("cpu"))
    kernel.add(codes, 3)
    kernel.add_constant(11)
    assert torch.equal(kernel.value, 3 * kernel_by_definition(codes) + 11)


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("stride", [1, 2])
def test_folding_gives_the_same_function(affine, kernel, stride):
    torch.manual_seed(0)
    conv = nn.Conv2d(4, 6, kernel, stride, padding=kernel // 2, bias=False)
    norm = nn.BatchNorm2d(6, affine=affine)
    for value in [norm.running_mean, norm.running_var, *norm.parameters()]:
        value.data.uniform_(0.5, 2)
    both = nn.Sequential(conv, norm).double().eval()
    x = torch.randn(3, 4, 9, 9, dtype=torch.float64)
    weight, bias = layers.fold_batch_norm(both[0], both[1])
    folded = functional.conv2d(x, weight, bias, stride, kernel // 2)
    torch.testing.assert_close(folded, both(x), rtol=1e-12, atol=1e-12)


def test_a_widened_kernel_is_the_same_convolution():
    x, weight = torch.randn(2, 3, 5, 5), torch.randn(4, 3, 1, 1)
    wide = functional.conv2d(x, layers.widen(weight, 3), padding=1)
    torch.testing.assert_close(wide, functional.conv2d(x, weight))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("height", [1, 2, 3, 8])
def test_average_pool(dtype, height):
    x = torch.randn(2, 3, height, 5, dtype=dtype)
    pool = nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
    torch.testing.assert_close(AveragePool(x)(x), pool(x))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("in_place", [True, False])
@pytest.mark.parametrize(("kernel", "groups"), [((4, 4, 3, 3), 1), ((4, 1, 3, 3), 4)])
def test_a_convolution_is_added_to_what_is_there(monkeypatch, dtype, in_place, kernel, groups):
    if not in_place:
        monkeypatch.setattr(layers, "_adds_in_place", lambda: False)
    draw = torch.Generator().manual_seed(0)
    x, out = (torch.randn(3, 4, 6, 5, generator=draw, dtype=dtype) for _ in range(2))
    x, out = (t.contiguous(memory_format=torch.channels_last) for t in (x, out))
    weight = torch.randn(kernel, generator=draw, dtype=dtype)
    expected = out + functional.conv2d(x, weight, padding=1, groups=groups)
    layers.add_convolution(out, x, weight, None, (1, 1), (1, 1), (1, 1), groups)
    torch.testing.assert_close(out, expected)
