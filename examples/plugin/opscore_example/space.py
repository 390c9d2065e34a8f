"""The search space 'example-chain': three layers, each one of three operations."""

from opscore.spaces import SPACES, SearchSpace

OPERATIONS = ("skip_connect", "conv_1x1", "conv_3x3")

CHAIN = SearchSpace("example-chain", ("first", "second", "third"), (OPERATIONS,) * 3)
SPACES.add(CHAIN.name, CHAIN)
