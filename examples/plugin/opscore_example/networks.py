"""The networks of 'example-chain': a stem, the three layers, and a linear classifier."""

from torch import nn

from opscore.supernets import SUPERNETS, Choice, Family, Layers, StandAlone, Supernet
from opscore_example.space import CHAIN, OPERATIONS


def conv(c_in, c_out, kernel):
    """A convolution with its batch norm and rectifier."""
    layer = nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(c_out), nn.ReLU())


def candidate(op, channels):
    """The layer of an operation."""
    if OPERATIONS[op] == "skip_connect":
        return nn.Identity()
    return conv(channels, channels, int(OPERATIONS[op][-1]))


class ChainLayers(Layers):
    """What a state leaves of each layer, and how images go through."""

    def __init__(self, state, channels, *, in_channels=3, n_classes=10):
        super().__init__(state)
        self.stem = conv(in_channels, channels, 3)
        self.layers = nn.ModuleList(
            Choice({op: candidate(op, channels) for op in state.remaining(edge)})
            for edge in range(len(CHAIN.edges))
        )
        self.classifier = nn.Linear(channels, n_classes)

    def logits(self, images, rows, run_removed):
        """Logits [N, classes]; ``rows``: the weights of each edge's operations."""
        features = self.stem(images)
        for layer, row in zip(self.layers, rows, strict=True):
            features = layer(features, row, run_removed)
        return self.classifier(features.mean(dim=(2, 3)))


class ChainSupernet(Supernet, ChainLayers):
    """Everything, under weights."""


class ChainNetwork(StandAlone, ChainLayers):
    """What an architecture has, each with weight one."""


SIZES = {"paper": {"channels": 16}, "cpu": {"channels": 8}, "smoke": {"channels": 4}}
SUPERNETS.add(CHAIN.name, Family(ChainSupernet, ChainNetwork, SIZES))
