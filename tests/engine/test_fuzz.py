"""Random small supernets, of layers and functions as people write them: one score, either way."""

from __future__ import annotations

import math
import random
import types
import warnings
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from opscore.errors import Note
from opscore.images import NoiseImages
from opscore.proxies import How, get_proxy
from opscore.spaces import SearchSpace
from opscore.supernets import Choice, Supernet, operation_rows

OPERATIONS = ("none", "skip", "conv")
SPACE = SearchSpace("random", ("a", "b"), (OPERATIONS, OPERATIONS))

#: Channels between blocks.
WIDTH = 8


class Block(nn.Module):
    """A function of [N, WIDTH, H, W] to the same shape, with the layers that it uses."""

    def __init__(self, function: Callable[[Block, Tensor], Tensor], **parts: object) -> None:
        super().__init__()
        self.function = function
        for name, part in parts.items():
            if isinstance(part, Tensor) and not isinstance(part, nn.Parameter):
                self.register_buffer(name, part)
            else:
                setattr(self, name, part)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self, x)


def conv(groups: int = 1, bias: bool = True, width: int = WIDTH) -> nn.Conv2d:
    return nn.Conv2d(width, WIDTH, 3, padding=1, groups=groups, bias=bias)


def _fused(block: Block, x: Tensor) -> Tensor:
    weights = functional.relu(block.weights)
    weights = weights / (weights.sum() + 1e-4)
    return weights[0] * x + weights[1] * x.tanh()


def _squeezed(block: Block, x: Tensor) -> Tensor:
    return x * torch.sigmoid(block.up(torch.relu(block.down(x.mean((2, 3), keepdim=True)))))


def _shuffled(block: Block, x: Tensor) -> Tensor:
    n, c, h, w = x.size()
    return x.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, c, h, w)


def _windows(block: Block, x: Tensor) -> Tensor:
    n, c, h, w = x.shape
    y = x.view(n, c, h // 4, 4, w // 4, 4).permute(0, 2, 4, 3, 5, 1).reshape(-1, 16, c)
    y = block.linear(y).tanh().view(n, h // 4, w // 4, 4, 4, c).permute(0, 5, 1, 3, 2, 4)
    return y.reshape(n, c, h, w)


def _tokens(block: Block, x: Tensor) -> Tensor:
    y = x.flatten(2).transpose(1, 2)
    y = y + block.linear(block.norm(y))
    return y.transpose(1, 2).reshape(x.shape)


def _tokens_first(block: Block, x: Tensor) -> Tensor:
    y = block.norm(x.flatten(2).permute(2, 0, 1))
    out, _ = block.attention(y, y, y)
    return (out + y).permute(1, 2, 0).reshape(x.shape)


def _two_views(block: Block, x: Tensor) -> Tensor:
    first, second = block.norm(block.conv(torch.cat([x, x.flip(3)], 0))).chunk(2, 0)
    return first + second


def _sliced(block: Block, x: Tensor) -> Tensor:
    y = functional.conv2d(x[:, :6], block.conv.weight[:6, :6], block.conv.bias[:6], padding=1)
    return functional.pad(y, (0, 0, 0, 0, 0, 2))


def _in_place_behind_identity(block: Block, x: Tensor) -> Tensor:
    kept = block.identity(x)
    return kept + block.conv(block.relu(x))


def _written_into(block: Block, x: Tensor) -> Tensor:
    y = block.conv(x)
    z = y
    y += x
    return y + z


def _counting(block: Block, x: Tensor) -> Tensor:
    block.count += 1
    return x * 1.5


def _drop_path(block: Block, x: Tensor) -> Tensor:
    if not block.training:
        return x
    kept = torch.rand(len(x), 1, 1, 1, dtype=x.dtype) < 0.5
    return x * kept / 0.5


def _hooked(layer: nn.Module) -> nn.Module:
    layer.register_forward_hook(lambda module, inputs, output: 3 * output + 1)
    return layer


def _hooked_before(layer: nn.Module) -> nn.Module:
    layer.register_forward_pre_hook(lambda module, inputs: (inputs[0] * 0.5 - 0.1,))
    return layer


def _twice(layer: nn.Module) -> nn.Module:
    return nn.Sequential(layer, nn.ReLU(), layer)


#: What a block can be.
KINDS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "relu in place": lambda: nn.Sequential(conv(), nn.ReLU(inplace=True), conv()),
    "relu6": lambda: nn.Sequential(nn.ReLU6(), conv()),
    "leaky, prelu": lambda: nn.Sequential(nn.LeakyReLU(), conv(), nn.PReLU()),
    "gelu, silu, elu": lambda: nn.Sequential(nn.GELU(), conv(), nn.SiLU(), conv(), nn.ELU()),
    "hard": lambda: nn.Sequential(nn.Hardswish(), conv(), nn.Hardsigmoid(), nn.Hardtanh()),
    "F.relu": lambda: Block(lambda b, x: functional.relu(x) - 0.1),
    "F.relu in place": lambda: Block(
        lambda b, x: functional.relu(b.conv(x), inplace=True), conv=conv()
    ),
    "relu_": lambda: Block(lambda b, x: b.conv(x).relu_() + x, conv=conv()),
    "clamp": lambda: Block(lambda b, x: x.clamp(-0.5, 0.5)),
    "conv, norm": lambda: nn.Sequential(conv(), nn.BatchNorm2d(WIDTH)),
    "norm alone": lambda: nn.BatchNorm2d(WIDTH),
    "norm without affine": lambda: nn.BatchNorm2d(WIDTH, affine=False),
    "norm without statistics": lambda: nn.BatchNorm2d(WIDTH, track_running_stats=False),
    "group norm": lambda: nn.Sequential(conv(2), nn.GroupNorm(2, WIDTH)),
    "instance norm": lambda: nn.InstanceNorm2d(WIDTH, affine=True),
    "layer norm": lambda: nn.LayerNorm([WIDTH, 8, 8]),
    "F.batch_norm": lambda: Block(
        lambda b, x: functional.batch_norm(x, b.mean, b.variance, training=b.training),
        mean=torch.zeros(WIDTH),
        variance=torch.ones(WIDTH),
    ),
    "F.normalize": lambda: Block(lambda b, x: functional.normalize(x, dim=1)),
    "softmax": lambda: Block(lambda b, x: x * x.softmax(1)),
    "grouped, dilated": lambda: nn.Sequential(
        conv(WIDTH), nn.Conv2d(WIDTH, WIDTH, 3, padding=2, dilation=2)
    ),
    "transposed": lambda: nn.ConvTranspose2d(WIDTH, WIDTH, 3, padding=1),
    "reflected": lambda: nn.Conv2d(WIDTH, WIDTH, 3, padding=1, padding_mode="reflect"),
    "padding same": lambda: nn.Conv2d(WIDTH, WIDTH, 3, padding="same"),
    "spectral": lambda: nn.utils.parametrizations.weight_norm(conv()),
    "shared": lambda: _twice(conv()),
    "shared with norm": lambda: _twice(nn.Sequential(conv(), nn.BatchNorm2d(WIDTH))),
    "average pool": lambda: nn.AvgPool2d(3, 1, 1),
    "pool by a list": lambda: nn.Sequential(nn.AvgPool2d([2, 2]), nn.Upsample(scale_factor=2)),
    "max pool": lambda: nn.MaxPool2d(3, 1, 1),
    "pool up": lambda: Block(
        lambda b, x: functional.interpolate(functional.max_pool2d(x, 2), scale_factor=2)
    ),
    "adaptive pool": lambda: Block(lambda b, x: x - functional.adaptive_avg_pool2d(x, 1)),
    "dropout": lambda: nn.Dropout(0.3),
    "F.dropout": lambda: Block(lambda b, x: functional.dropout(x, 0.3, b.training)),
    "drop path": lambda: Block(_drop_path),
    "training branch": lambda: Block(
        lambda b, x: b.conv(x).relu() if b.training else x, conv=conv()
    ),
    "hook": lambda: nn.Sequential(_hooked(conv()), nn.BatchNorm2d(WIDTH)),
    "hook before a relu": lambda: nn.Sequential(_hooked_before(nn.ReLU()), conv()),
    "scale": lambda: Block(
        lambda b, x: x * b.scale, scale=nn.Parameter(torch.rand(1, WIDTH, 1, 1))
    ),
    "buffer": lambda: Block(
        lambda b, x: (x - b.mean) / b.variance.sqrt(),
        mean=torch.rand(WIDTH, 1, 1),
        variance=torch.tensor(2.0),
    ),
    "branch on a buffer": lambda: Block(
        lambda b, x: b.conv(x).relu() if b.on else x,
        conv=conv(),
        on=torch.tensor(random.random() < 0.5),
    ),
    "counting": lambda: Block(_counting, count=torch.zeros(1)),
    "constant": lambda: Block(lambda b, x: x + torch.linspace(-1, 1, WIDTH).view(1, WIDTH, 1, 1)),
    "settings": lambda: Block(
        lambda b, x: x * b.settings.gain, settings=types.SimpleNamespace(gain=2.0)
    ),
    "fused": lambda: Block(_fused, weights=nn.Parameter(torch.rand(2))),
    "squeeze": lambda: Block(_squeezed, down=nn.Conv2d(WIDTH, 4, 1), up=nn.Conv2d(4, WIDTH, 1)),
    "shuffle": lambda: Block(_shuffled),
    "windows": lambda: Block(_windows, linear=nn.Linear(WIDTH, WIDTH)),
    "tokens": lambda: Block(_tokens, norm=nn.LayerNorm(WIDTH), linear=nn.Linear(WIDTH, WIDTH)),
    "tokens first": lambda: Block(
        _tokens_first, norm=nn.LayerNorm(WIDTH), attention=nn.MultiheadAttention(WIDTH, 2)
    ),
    "two views": lambda: Block(_two_views, conv=conv(), norm=nn.BatchNorm2d(WIDTH)),
    "sliced": lambda: Block(_sliced, conv=conv()),
    "in place behind identity": lambda: Block(
        _in_place_behind_identity, identity=nn.Identity(), relu=nn.ReLU(inplace=True), conv=conv()
    ),
    "written into": lambda: Block(_written_into, conv=conv()),
    "residual": lambda: Block(
        lambda b, x: x + b.conv(b.relu(x)), conv=conv(), relu=nn.ReLU(inplace=True)
    ),
    "stack, sum": lambda: Block(lambda b, x: torch.stack([x, x.tanh()]).sum(0)),
    "stack, keepdim": lambda: Block(
        lambda b, x: torch.stack([x, x.tanh()]).sum(0, keepdim=True)[0]
    ),
    "mean over images": lambda: Block(
        lambda b, x: x.mean(0, keepdim=True) + b.conv(x), conv=conv()
    ),
    "concatenated": lambda: Block(
        lambda b, x: b.conv(torch.cat([x, x.relu()], 1)), conv=conv(width=2 * WIDTH)
    ),
    "halves": lambda: Block(
        lambda b, x: torch.cat([b.conv(x)[:, :4], x[:, 4:] * 2], 1), conv=conv()
    ),
    "chunks": lambda: Block(lambda b, x: torch.cat([p.relu() for p in x.chunk(2, 1)][::-1], 1)),
    "built-in sum": lambda: Block(lambda b, x: sum([b.conv(x), x, -0.5 * x]), conv=conv()),
    "weighted": lambda: Block(lambda b, x: 0.5 * b.conv(x) - 2 * x + 1, conv=conv()),
    "einsum": lambda: Block(
        lambda b, x: torch.einsum("nchw,cd->ndhw", x, b.matrix),
        matrix=nn.Parameter(torch.randn(WIDTH, WIDTH) / 3),
    ),
    "list of layers": lambda: Block(
        lambda b, x: [layer(x) for layer in b.layers][-1], layers=nn.ModuleList([conv(), conv()])
    ),
    "power": lambda: Block(lambda b, x: x.abs().pow(0.5) * x.sign()),
    "product": lambda: Block(lambda b, x: b.conv(x) * torch.sigmoid(x), conv=conv()),
}


def candidates(draw: random.Random) -> Choice:
    """Nothing, a skip, and a convolution of one of several shapes."""
    norm = draw.choice([True, True, False])
    layers = [conv(draw.choice([1, 2, WIDTH]), bias=not norm or draw.random() < 0.3)]
    layers += [nn.BatchNorm2d(WIDTH)] if norm else []
    first = draw.choice([[nn.ReLU()], [nn.ReLU(inplace=False)], [], [nn.ReLU6()]])
    other = draw.choice(
        [nn.AvgPool2d(3, 1, 1), nn.MaxPool2d(3, 1, 1), KINDS[draw.choice(list(KINDS))]()]
    )
    removed = draw.choice(["zeros", "absent", "whole"])
    return Choice({0: other, 1: nn.Identity(), 2: nn.Sequential(*first, *layers)}, removed=removed)


class RandomSupernet(Supernet):
    """Stem, a choice, blocks, a choice, a head.

    Attributes:
        kinds: the blocks' names.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(SPACE)
        draw = random.Random(seed)
        torch.manual_seed(seed)
        self.kinds = draw.choices(list(KINDS), k=draw.randint(1, 3))
        self.stem = nn.Conv2d(3, WIDTH, 3, padding=1)
        self.a, self.b = candidates(draw), candidates(draw)
        self.blocks = nn.Sequential(*(KINDS[kind]() for kind in self.kinds))
        self.position = nn.Parameter(torch.rand(WIDTH, 1, 1)) if draw.random() < 0.2 else None
        self.rectified, self.around = draw.random() < 0.3, draw.random() < 0.5
        self.head = nn.Linear(WIDTH, 10)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None:
                module.running_mean.normal_(0, 0.2)
                module.running_var.uniform_(0.5, 2)
        self.alphas.normal_()

    def forward(self, images: Tensor, weights: Tensor, *, run_removed: bool = False) -> Tensor:
        row_a, row_b = operation_rows(weights)
        x = self.stem(images)
        if self.position is not None:
            x = x + self.position
        if self.rectified:
            x = functional.relu(x)
        y = self.blocks(self.a(x, row_a, run_removed))
        y = self.b(y, row_b, run_removed)
        y = x + y if self.around else y
        return self.head(torch.relu(y).mean(dim=(2, 3)))


PROXIES = ("nwot", "synflow", "snip", "fisher", "jacob_cov", "zen_score")
A0 = SPACE.initial_state()
STATES = [A0.perturb(0, 1), A0.perturb(1, 2), SPACE.architecture([2, 0])]

#: Networks of 'make test', and of 'make test-all'.
FEW, ALL = range(6), range(6, 200)


@pytest.mark.parametrize(
    "seed", [*FEW, *(pytest.param(seed, marks=pytest.mark.exhaustive) for seed in ALL)]
)
def test_a_random_network_has_one_score(seed: int) -> None:
    supernet = RandomSupernet(seed).double()
    batch = NoiseImages().minibatch(8, seed, "fuzz").to("cpu", torch.float64)
    batch = type(batch)(batch.images[:, :, :8, :8].contiguous(), batch.labels, "fuzz")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Note)
        for name in PROXIES:
            for meaning in ("faithful", "clean"):
                fast = get_proxy(name).scores(supernet, STATES, batch, How(meaning))
                plain = get_proxy(name).scores(supernet, STATES, batch, How(meaning, fast=False))
                for one, other in zip(fast, plain, strict=True):
                    assert (one.status == "ok") == (other.status == "ok"), (name, supernet.kinds)
                    same = math.isclose(one.value, other.value, rel_tol=1e-6, abs_tol=1e-9)
                    assert same or one.status != "ok", (name, meaning, supernet.kinds, fast, plain)
