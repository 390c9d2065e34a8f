"""opscore: how well do operation scores of differentiable NAS agree with the truth?

The names below are imported when they are first used, so that ``import opscore`` is quick and
tables can be worked on without torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from opscore._version import __version__
from opscore.errors import OpscoreError, UserError

if TYPE_CHECKING:
    from opscore.analysis import operation_estimates
    from opscore.board.result import leaderboard
    from opscore.data.architectures import read_architectures
    from opscore.experiments import evaluate_proxies, proxy_correlations
    from opscore.experiments.initial.result import initial
    from opscore.experiments.network_training import train_network
    from opscore.experiments.own_network import score
    from opscore.experiments.own_scores import evaluate_scores
    from opscore.experiments.progressive.result import progressive
    from opscore.grids.call import batch
    from opscore.images import load_images
    from opscore.oracles import Oracle, list_oracles, load_oracle
    from opscore.paper.alphas import alphas
    from opscore.paper.figure2 import figure2
    from opscore.paper.figure4 import figure4
    from opscore.paper.retraining.result import retraining
    from opscore.paper.search_claims import search_claims
    from opscore.paper.search_cost import search_cost
    from opscore.paper.spaces import compare_spaces
    from opscore.paper.table1 import table1
    from opscore.paper.table2 import table2
    from opscore.paper.table5 import table5
    from opscore.paper.toy_model.result import toy_model
    from opscore.paper.trained_tables import table3, table4, table6, table7
    from opscore.policies import list_policies, register_policy
    from opscore.proxies import get_proxy, list_proxies, register_proxy, unregister_proxy
    from opscore.report.opened import open_store
    from opscore.runs import RunStore
    from opscore.search import zero_cost_pt
    from opscore.search.call import run_search
    from opscore.search.result import evaluate_search
    from opscore.spaces import State, get_space, list_spaces
    from opscore.supernets import (
        build,
        build_network,
        build_supernet,
        load_batch,
        load_checkpoint,
    )

_ROOMS = {
    "Oracle": "oracles",
    "RunStore": "runs",
    "State": "spaces",
    "alphas": "paper.alphas",
    "batch": "grids.call",
    "build": "supernets",
    "build_network": "supernets",
    "build_supernet": "supernets",
    "compare_spaces": "paper.spaces",
    "evaluate_proxies": "experiments",
    "evaluate_scores": "experiments.own_scores",
    "evaluate_search": "search.result",
    "figure2": "paper.figure2",
    "figure4": "paper.figure4",
    "get_proxy": "proxies",
    "get_space": "spaces",
    "initial": "experiments.initial.result",
    "leaderboard": "board.result",
    "list_oracles": "oracles",
    "list_policies": "policies",
    "list_proxies": "proxies",
    "list_spaces": "spaces",
    "load_batch": "supernets",
    "load_checkpoint": "supernets",
    "load_images": "images",
    "load_oracle": "oracles",
    "open_store": "report.opened",
    "operation_estimates": "analysis",
    "progressive": "experiments.progressive.result",
    "proxy_correlations": "experiments",
    "read_architectures": "data.architectures",
    "register_policy": "policies",
    "register_proxy": "proxies",
    "retraining": "paper.retraining.result",
    "run_search": "search.call",
    "score": "experiments.own_network",
    "search_claims": "paper.search_claims",
    "search_cost": "paper.search_cost",
    "table1": "paper.table1",
    "table2": "paper.table2",
    "table3": "paper.trained_tables",
    "table4": "paper.trained_tables",
    "table5": "paper.table5",
    "table6": "paper.trained_tables",
    "table7": "paper.trained_tables",
    "toy_model": "paper.toy_model.result",
    "train_network": "experiments.network_training",
    "unregister_proxy": "proxies",
    "zero_cost_pt": "search",
}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module 'opscore' has no attribute '{name}'")
    return getattr(import_module(f"opscore.{_ROOMS[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_ROOMS])


__all__ = [
    "OpscoreError",
    "Oracle",
    "RunStore",
    "State",
    "UserError",
    "__version__",
    "alphas",
    "batch",
    "build",
    "build_network",
    "build_supernet",
    "compare_spaces",
    "evaluate_proxies",
    "evaluate_scores",
    "evaluate_search",
    "figure2",
    "figure4",
    "get_proxy",
    "get_space",
    "initial",
    "leaderboard",
    "list_oracles",
    "list_policies",
    "list_proxies",
    "list_spaces",
    "load_batch",
    "load_checkpoint",
    "load_images",
    "load_oracle",
    "open_store",
    "operation_estimates",
    "progressive",
    "proxy_correlations",
    "read_architectures",
    "register_policy",
    "register_proxy",
    "retraining",
    "run_search",
    "score",
    "search_claims",
    "search_cost",
    "table1",
    "table2",
    "table3",
    "table4",
    "table5",
    "table6",
    "table7",
    "toy_model",
    "train_network",
    "unregister_proxy",
    "zero_cost_pt",
]
