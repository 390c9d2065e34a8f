"""Figure 2, Table 1 and the claims: published beside measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from opscore import schema
from opscore.analysis import Correlation, paired_differences
from opscore.errors import UserError
from opscore.paper.claims import check_claims
from opscore.paper.figure2 import figure2
from opscore.paper.measured import Measured, measure_progressive, shipped
from opscore.paper.replay import replay_table1
from opscore.paper.table1 import table1
from opscore.published import correlation_matrix, table1_choices
from opscore.spaces import NASBENCH201


@pytest.fixture(scope="module")
def measured() -> Measured:
    return measure_progressive(
        ["disc-zc(nwot)", "zc-pt(nwot)"], [0], size="smoke", batch_size=16, images="digits"
    )


def test_the_shipped_scores_are_whole() -> None:
    found = shipped()
    assert found
    for entry in found:
        schema.conform(entry.scores, "scores")
        assert {"best-acc", "avg-acc"} <= set(entry.scores["policy"])
        assert set(entry.scores["iteration"]) == set(range(6))
        assert not {"data_dir", "cache"} & entry.settings.keys()


def test_scores_of_another_training_have_their_own_name() -> None:
    settings = {"size": "paper", "training": "medium", "policies": ["best-acc", "zc-pt(nwot)"]}
    untrained = Measured(pd.DataFrame(), settings, shipped=True)
    assert untrained.label == "measured, paper size"
    trained = replace(untrained, settings={**settings, "policies": ["best-acc", "darts"]})
    assert trained.label == "measured, paper size, medium training (reduced)"


def test_left_has_published_and_measured_rows(measured: Measured) -> None:
    left = figure2([measured]).left
    rows = left[left["source"] == "published"].set_index(["policy", "reference"])["rho"]
    known = correlation_matrix().set_index(["policy", "reference"])["rho"]
    assert rows.to_dict() == known.to_dict()
    initial = measured.scores[measured.scores["iteration"] == 0]
    expected = Correlation()(initial)
    own = left[left["source"] == measured.label]
    assert own["rho"].tolist() == expected["rho"].tolist()
    assert measured.label == "measured, smoke size, batch 16 (reduced)"


def test_right_compares_with_the_initial_truth(measured: Measured) -> None:
    right = figure2([measured]).right
    own = right[(right["source"] == measured.label) & (right["policy"] == "zc-pt(nwot)")]
    assert own["n_edges"].tolist() == [6, 5, 4, 3, 2, 1]
    expected = Correlation(reference_iteration=0)(measured.scores, references=["best-acc"])
    expected = expected[expected["policy"] == "zc-pt(nwot)"]
    assert own["rho"].tolist() == expected["rho"].tolist()
    published = right[right["source"] == "published"]
    assert published.loc[published["iteration"] == 5, "n_edges"].eq(1).all()


def test_a_claimed_difference_has_the_proposed_policy_first(measured: Measured) -> None:
    claims = check_claims(measured.scores, "smoke")
    row = claims[(claims["other"] == "disc-zc(nwot)") & (claims["iteration"] == 0)].iloc[0]
    scores = measured.scores[measured.scores["policy"] != "avg-acc"]
    pair = paired_differences(scores, reference_iteration=0).iloc[0]
    assert (pair["policy_a"], pair["policy_b"]) == ("disc-zc(nwot)", "zc-pt(nwot)")
    assert row["estimate"] == -pair["difference"]
    assert (row["ci_low"], row["ci_high"]) == (-pair["ci_high"], -pair["ci_low"])
    assert row["published"] == pytest.approx(0.767 - 0.100)


@pytest.mark.parametrize(("sign", "verdict"), [(1, "yes"), (-1, "no")])
def test_a_claim_is_decided_by_sign_and_p_value(sign: int, verdict: str) -> None:
    claims = check_claims(_agreeing(sign), "paper").set_index(["policy", "reference"])
    row = claims.loc[("zc-pt(nwot)", "best-acc")]
    assert row["estimate"] == pytest.approx(sign)
    assert row["holds"] == verdict


def test_a_weak_correlation_has_an_upper_bound() -> None:
    scores = _agreeing(1).replace({"policy": {"zc-pt(nwot)": "disc-zc(nwot)"}})
    # Without width there is no interval, and without an interval nothing is decided.
    assert check_claims(scores, "paper").set_index("policy").loc["disc-zc(nwot)", "holds"] == "open"
    first = (scores["policy"] == "disc-zc(nwot)") & (scores["edge"] == 0)
    scores.loc[first, "strength"] = [1.0, 0.0, 2.0, 3.0, 4.0]  # rho .9 there
    row = check_claims(scores, "paper").set_index("policy").loc["disc-zc(nwot)"]
    assert (row["expected"], row["estimate"]) == ("0 to 0.5", pytest.approx(5.9 / 6))
    assert row["holds"] == "no"


def test_edges_alone_decide_no_claim() -> None:
    """One order on six edges: tiny if edges count apart, one relabelling of many if not."""
    scores = _agreeing(1)
    own = scores["policy"] == "zc-pt(nwot)"
    scores.loc[own, "strength"] = np.tile([1.0, 0.0, 2.0, 4.0, 3.0], 6)
    row = check_claims(scores, "paper").iloc[0]
    assert row["p_value"] < 1e-4
    assert row["p_common"] > 0.05
    assert row["holds"] == "open"


def test_a_claim_without_evidence_is_open() -> None:
    scores = _agreeing(1)
    own = scores["policy"] == "zc-pt(nwot)"
    # Spearman .3 on each of six edges, which chance gives in one case of seven or so.
    scores.loc[own, "strength"] = np.tile([2.0, 0.0, 4.0, 1.0, 3.0], 6)
    row = check_claims(scores, "paper").iloc[0]
    assert row["estimate"] == pytest.approx(0.3)
    assert row["holds"] == "open"


def test_few_edges_cannot_decide_a_difference(measured: Measured) -> None:
    claims = check_claims(measured.scores, "smoke")
    later = claims[claims["other"].notna() & (claims["iteration"] > 0)]
    assert later["n_edges"].tolist() == [5, 4, 3, 2, 1]
    assert later["holds"].eq("too few edges").all()


def test_figure2_is_saved_whole(measured: Measured, tmp_path: Path) -> None:
    written = figure2([measured]).save(tmp_path)
    names = {path.name for path in written}
    stems = ("figure2_left", "figure2_matrix", "figure2_right")
    assert names >= {f"{stem}.{kind}" for stem in stems for kind in ("png", "pdf", "csv")}
    assert "claims.csv" in names
    assert all(path.stat().st_size for path in written)
    again = pd.read_csv(tmp_path / "figure2_right.csv")
    assert set(again["source"]) == {"published", measured.label}


def test_table1_picks_the_strongest_operations(measured: Measured, tmp_path: Path) -> None:
    result = table1([measured])
    rows = result.selections[result.selections["source"] == measured.label]
    picked = rows[rows["policy"] == "zc-pt(nwot)"].iloc[0]["architecture"]
    own = measured.scores.query("policy == 'zc-pt(nwot)' and iteration == 0")
    best = own.loc[own.groupby("edge")["strength"].idxmax()].sort_values("edge")["op"].tolist()
    assert NASBENCH201.parse(picked) == NASBENCH201.architecture(best)
    summary = result.summary.set_index("policy")
    assert np.isnan(summary.loc["zc-pt(nwot)", "published_rank"])  # of other settings
    known = result.selections[result.selections["source"] == "published"].set_index("policy")
    assert known.loc["darts", "skip_connections"] == 6  # the network of skip connections only
    assert summary.loc["zc-pt(nwot)", "skip_connections"] == best.count("skip_connect")
    paper = {**measured.settings, "size": "paper", "batch_size": 256, "images": "cifar10"}
    as_published = table1([replace(measured, settings=paper)]).summary.set_index("policy")
    assert as_published.loc["zc-pt(nwot)", "published_rank"] == 14
    assert summary.loc["best-acc", "rank"] == 1
    assert all(path.stat().st_size for path in result.save(tmp_path))


def test_published_choices_are_those_of_the_authors_scores(data_dir: Path) -> None:
    replayed = replay_table1(data_dir).query("dataset == 'cifar10'").set_index("policy")
    for policy, architecture in table1_choices()[["policy", "architecture"]].to_numpy():
        name = "tenas (tie by hand)" if policy == "tenas" else policy
        assert replayed.loc[name, "architecture"] == architecture


def test_two_of_one_label_are_not_averaged(measured: Measured) -> None:
    smaller = replace(measured, settings={**measured.settings, "batch_size": 8})
    assert figure2([measured, smaller]).left["source"].nunique() == 3
    with pytest.raises(UserError, match="several of these are 'measured,"):
        table1([measured, measured])


def test_nothing_measured_is_refused() -> None:
    with pytest.raises(UserError, match="no measured scores"):
        figure2([])


def _agreeing(sign: int) -> pd.DataFrame:
    """Six edges on which zc-pt(nwot) ranks as best-acc does, or the other way round."""
    rows = [
        {
            "policy": policy,
            "seed": pd.NA if policy == "best-acc" else 0,
            "edge": edge,
            "op": str(op),
            "strength": float((edge + 1) * op * (sign if policy == "zc-pt(nwot)" else 1)),
        }
        for policy in ("best-acc", "zc-pt(nwot)")
        for edge in range(6)
        for op in range(5)
    ]
    frame = pd.DataFrame(rows).assign(iteration=0, status="ok", seconds=np.nan)
    return schema.conform(frame.assign(score=frame["strength"]), "scores")
