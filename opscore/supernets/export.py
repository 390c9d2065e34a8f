"""A network in a form that others read: JSON, torch.export, ONNX; each is read back and checked."""

from __future__ import annotations

import importlib.util
import json
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch
from torch import Tensor, nn

from opscore.data.files import atomic_write
from opscore.errors import UserError
from opscore.isolation import isolated, own_generators
from opscore.rng import torch_generator
from opscore.spaces import State, get_space
from opscore.supernets.copying import copy_network
from opscore.supernets.final import Built

#: Images on which an exported network is compared with the network itself.
N_IMAGES = 2

#: How far logits may be apart, relative to the largest.
TOLERANCE = 1e-4

#: How much farther from the logits of double precision a file's may be than the network's own are.
#: Deep networks amplify rounding: then no other way to compute is within the tolerance.
AMPLIFIED = 4.0


@dataclass(frozen=True)
class Exported:
    """A file that was written.

    Attributes:
        format: 'json', 'torch' or 'onnx'.
        path: the file.
        difference: the largest difference of a logit between the network and the file read back,
            relative to the largest logit; for 'json' of the network that is built from the file.
        rounding: the same between the network and itself in double precision.
    """

    format: str
    path: Path
    difference: float
    rounding: float


@isolated()
def export(
    network: nn.Module, built: Built, architecture: State, folder: Path, form: str
) -> Exported:
    """Write a network into a folder in one of :data:`FORMATS`, read it back, and compare.

    Args:
        network: on the CPU; what :func:`opscore.build` gives, trained or not. What is written is a
            copy of it in eval mode.
        built: what it was built as.
        architecture: its architecture.
        folder: is made if it is missing.
        form: the format.

    Raises:
        UserError: the format needs a package that is not there, cannot hold the network, or gives
            other numbers; the file is not kept then.
    """
    images = torch.randn(
        N_IMAGES,
        built.in_channels,
        built.image_side,
        built.image_side,
        generator=torch_generator(0, "export"),
    )
    path = folder / f"{built.space}-{built.target}{SUFFIXES[form]}"
    network = copy_network(network).eval()
    with torch.no_grad():
        expected = network(images)
        exact = copy_network(network).double()(images.double())
        found = FORMATS[form](network, built, architecture, images, path)
    largest = float(exact.abs().max()) or 1.0
    difference, rounding, error = (
        float((one.double() - other).abs().max()) / largest
        for one, other in ((found, expected), (expected, exact), (found, exact))
    )
    if not (difference <= TOLERANCE or error <= AMPLIFIED * rounding):
        path.unlink()
        raise UserError(
            f"{path} is not kept: its logits differ from the network's by {difference:.1e} of the "
            f"largest, where rounding makes {rounding:.1e}"
        )
    return Exported(form, path, difference, rounding)


def settle(network: nn.Module, image_side: int, in_channels: int = 3) -> None:
    """Give the batch norms of a fresh network the statistics of a few random images, in place.

    As they are built, activations all but vanish in a deep network, and logits would be compared
    that hardly depend on the images.
    """
    draw = torch_generator(0, "settle")
    images = torch.randn(8, in_channels, image_side, image_side, generator=draw)
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = None  # the plain mean of what is seen
    with torch.no_grad(), own_generators(0):  # of what is dropped in training
        network.train()(images)
    network.eval()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def _json(
    network: nn.Module, built: Built, architecture: State, images: Tensor, path: Path
) -> Tensor:
    """The architecture and how it is built; weights are not in it."""
    graphs = [asdict(graph) for graph in architecture.space.graphs(architecture)]
    content = {
        **asdict(built),
        "arguments": dict(built.arguments),
        "architecture": architecture.space.format(architecture),
        "size": asdict(built.size(architecture)),
        "graphs": graphs,
    }
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    read = json.loads(path.read_text(encoding="utf-8"))
    space = get_space(read["space"])
    again = Built(**{field.name: read[field.name] for field in fields(Built)}).network(
        space.as_architecture(read["architecture"])
    )
    again.load_state_dict(network.state_dict())
    logits: Tensor = again(images)
    return logits


def _torch(
    network: nn.Module, built: Built, architecture: State, images: Tensor, path: Path
) -> Tensor:
    """A program of torch.export, for batches of any size."""
    batch = torch.export.Dim("batch", min=1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.export.export(network, (images,), dynamic_shapes=({0: batch},))
    except Exception as error:  # many kinds; the user needs one line
        reason = str(error).partition("\n")[0]
        raise UserError(f"torch.export cannot hold this network: {reason}") from None
    with atomic_write(path) as temporary:
        torch.export.save(program, temporary)
    found: Tensor = torch.export.load(path).module()(images)
    return found


def _onnx(
    network: nn.Module, built: Built, architecture: State, images: Tensor, path: Path
) -> Tensor:
    """A model of ONNX, checked by its package's own evaluator."""
    if importlib.util.find_spec("onnx") is None:
        raise UserError(
            "ONNX files need the package onnx, which is not installed ('pip install onnx'); "
            "--format json,torch does without"
        )
    import onnx
    from onnx.reference import ReferenceEvaluator

    with atomic_write(path) as temporary, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (images,),
            str(temporary),
            input_names=["images"],
            output_names=["logits"],
            dynamic_axes={"images": {0: "batch"}, "logits": {0: "batch"}},
            dynamo=False,
        )
    model = onnx.load(str(path))
    onnx.checker.check_model(model)
    (logits,) = ReferenceEvaluator(model).run(None, {"images": images.numpy()})
    return torch.from_numpy(logits)


#: Writes a network, and returns the logits of what it reads back.
Writer = Callable[[nn.Module, Built, State, Tensor, Path], Tensor]

FORMATS: dict[str, Writer] = {"json": _json, "torch": _torch, "onnx": _onnx}

#: Endings of the files.
SUFFIXES = {"json": ".json", "torch": ".pt2", "onnx": ".onnx"}
