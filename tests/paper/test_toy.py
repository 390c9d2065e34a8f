"""The toy model: kernels of all architectures against the plain path, and the table's numbers."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from opscore.errors import UserError
from opscore.experiments import ScoringSettings, resolve
from opscore.images import Batch, load_images
from opscore.paper.toy_model.result import shipped_toy_model, toy_model
from opscore.paper.toy_model.scores import (
    BEST_NWOT,
    POLICIES,
    ToyUnit,
    best_nwot,
    score_chain,
    summarize_toy,
)
from opscore.proxies import How, Meaning, get_proxy
from opscore.proxies.nwot import log_determinant
from opscore.published import toy_model as published_toy_model
from opscore.supernets.chain import OPERATIONS, ChainSupernet, build_chain, chain_space


@pytest.fixture(scope="module")
def batch() -> Batch:
    return load_images("digits").minibatch(12, 0, "toy", augment=False)


@pytest.fixture(scope="module")
def chain() -> ChainSupernet:
    return build_chain(3, seed=0, channels=4)


@pytest.mark.parametrize("meaning", ["faithful", "clean"])
def test_the_recursion_gives_what_each_architecture_scores_on_its_own(
    chain: ChainSupernet, batch: Batch, meaning: Meaning
) -> None:
    found = {k.choices: k for k in chain.subnetwork_kernels(batch.images)}
    assert list(found) == list(itertools.product(range(4), repeat=3))
    chosen = [(0, 1, 2), (2, 2, 2), (3, 0, 1), (0, 0, 0), (1, 3, 2)]
    states = [chain.space.architecture(choices) for choices in chosen]
    plain = get_proxy("nwot").scores(chain, states, batch, How(meaning))
    for choices, score in zip(chosen, plain, strict=True):
        assert score.status == "ok"
        assert log_determinant(getattr(found[choices], meaning)) == pytest.approx(score.value)


def test_best_nwot_is_the_maximum_over_architectures(chain: ChainSupernet, batch: Batch) -> None:
    best = best_nwot(chain, batch)["clean"]
    values = {k.choices: log_determinant(k.clean) for k in chain.subnetwork_kernels(batch.images)}
    for edge, op in itertools.product(range(3), range(4)):
        assert best[edge, op] == max(v for c, v in values.items() if c[edge] == op)
    assert np.ptp(best.max(axis=1)) == 0  # every edge holds the best architecture


def test_a_chain_weighs_its_operations_equally_and_depends_on_its_seed() -> None:
    chain = build_chain(2, seed=3)
    weights = chain.weights(chain.space.initial_state())
    assert torch.equal(weights, torch.full((2, 4), 0.25))
    again, other = build_chain(2, seed=3), build_chain(2, seed=4)
    assert torch.equal(chain.stem[0].weight, again.stem[0].weight)
    assert not torch.equal(chain.stem[0].weight, other.stem[0].weight)


def test_a_chain_of_no_edges_is_refused() -> None:
    with pytest.raises(UserError, match="1 edge or more, got 0"):
        chain_space(0)


def test_scores_cover_policies_and_truth_in_both_meanings() -> None:
    settings = resolve(ScoringSettings(policies=POLICIES, batch_size=8, images="digits"))
    tables = score_chain(ToyUnit(settings, 2, 1))
    assert set(tables) == {"faithful", "clean"}
    for table in tables.values():
        assert set(table["policy"]) == {*POLICIES, BEST_NWOT}
        assert len(table) == 3 * 2 * len(OPERATIONS)
        assert (table["status"] == "ok").all()
    one, two = (tables[name]["score"].to_numpy() for name in ("faithful", "clean"))
    assert not np.allclose(one, two)


def test_the_summary_of_a_table_made_by_hand() -> None:
    frame = _by_hand({"zc-pt(nwot)": [[4, 1, 2, 3]], BEST_NWOT: [[1, 2, 3, 4]]})
    rows = summarize_toy(frame).set_index("policy")
    assert rows.loc["zc-pt(nwot)", "rho"] == pytest.approx(-0.2)
    assert rows.loc["zc-pt(nwot)", "rank_skip_connect"] == 1
    assert rows.loc["zc-pt(nwot)", "skips"] == 1
    assert rows.loc[BEST_NWOT, "rank_skip_connect"] == 4
    assert rows.loc[BEST_NWOT, "rho"] == pytest.approx(1)


def test_stored_chains_are_found_again(tmp_path: Path) -> None:
    def run() -> pd.DataFrame:
        return toy_model([1, 2], [0], store=tmp_path, batch_size=8, images="digits").scores

    first, second = run(), run()
    assert len(list(tmp_path.glob("toy-*"))) == 2  # two lengths
    assert first["seconds"].equals(second["seconds"])  # found, not scored again
    pd.testing.assert_frame_equal(first, second)


def test_the_shipped_table_stands_beside_the_published_one(tmp_path: Path) -> None:
    result = shipped_toy_model()
    table = result.against_published()
    clean = table[(table["meaning"] == "clean") & (table["policy"] != BEST_NWOT)]
    assert clean["published_rho"].notna().all()
    assert table.loc[table["meaning"] == "faithful", "published_rho"].isna().all()
    assert clean["n_seeds"].min() >= 4
    names = {path.name for path in result.save(tmp_path)}
    assert {f"toy_model.{end}" for end in ("png", "pdf", "csv", "txt")} <= names
    assert all((tmp_path / name).stat().st_size for name in names)


def test_published_ranks_of_each_chain_add_up() -> None:
    ranks = published_toy_model().filter(like="rank_").sum(axis=1)
    assert len(ranks) == 24
    assert ranks.between(9.9, 10.1).all()  # 1 + 2 + 3 + 4, rounded


def _by_hand(strengths: dict[str, list[list[float]]]) -> pd.DataFrame:
    rows = [
        {"policy": policy, "seed": 0, "edge": edge, "op": op, "strength": value}
        for policy, edges in strengths.items()
        for edge, values in enumerate(edges)
        for op, value in zip(OPERATIONS, values, strict=True)
    ]
    return pd.DataFrame(rows).assign(length=1, meaning="clean")


def test_published_numbers_are_of_cifar10_and_64_images() -> None:
    shipped = shipped_toy_model()
    assert shipped.against_published()["published_rho"].notna().any()
    for name, other in (("images", "noise"), ("batch_size", 8)):
        found = replace(shipped, settings={**shipped.settings, name: other})
        assert found.against_published()["published_rho"].isna().all()
        assert "published" not in str(found.figure().axes[0].get_legend_handles_labels())


def test_an_edge_without_scores_has_no_strongest_operation() -> None:
    scores = shipped_toy_model().scores
    lacking = scores["policy"].str.startswith("zc-pt") & (scores["edge"] == 0)
    scores = scores.assign(strength=scores["strength"].mask(lacking))
    assert summarize_toy(scores)["skips"].notna().all()
