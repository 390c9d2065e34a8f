"""The board: what is derived from score tables, the shipped one, and power."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import opscore
from opscore.analysis.matches import Match
from opscore.board import Board, BoardTruth, Entrant, read_board
from opscore.board.across import pairs, ranking
from opscore.board.advice import advice
from opscore.board.cells import CELLS, EDGES, _picks
from opscore.board.cost import passes
from opscore.board.power import components, power
from opscore.board.scores import board_truths, derived, shipped_scores
from opscore.cli import main
from opscore.errors import UserError
from opscore.experiments import OracleSettings
from opscore.policies.completions import drawn_completions
from opscore.spaces import NASBENCH201, get_space

CONV_FIRST = "residual(nor_conv_3x3>nor_conv_1x1>skip_connect>none>avg_pool_3x3)"


@pytest.fixture(scope="module")
def shipped() -> opscore.board.result.Leaderboard:
    return opscore.leaderboard(reference="best-acc")


def test_the_shipped_board_has_every_entrant_on_every_task(shipped) -> None:
    board = read_board()
    assert len(board.entrants) >= 20
    counted = [role for role in board.roles.values() if role != "other"]
    assert len(counted) >= 13
    assert len(board.references) == 3
    assert list(shipped.cells.columns) == list(CELLS)
    places = shipped.cells.groupby(["space", "task"])["entrant"].nunique()
    assert len(places) == len(board.roles)
    assert (places == len(board.entrants)).all()  # what is missing is a row that says so
    missing = shipped.cells[shipped.cells["status"] != "ok"]
    assert missing["rho"].isna().all()


def test_the_bars_that_a_network_has_to_clear() -> None:
    """Skip first on the edge from input to output: others' computation, by independent code."""
    known = {"residual(params)": (0.82, 0.61), CONV_FIRST: (0.85, 0.70)}
    whole = read_board()
    board = replace(whole, truths=whole.truths[:1], entrants=whole.entrants[:1])
    own = opscore.leaderboard(list(known), board=board, reference="best-acc", size="smoke")
    cells = own.cells.set_index(["space", "task", "entrant"])
    for policy, (rho, beyond) in known.items():
        cell = cells.loc[("nasbench201", "cifar10", policy)]
        assert cell["rho"] == pytest.approx(rho, abs=0.005)
        assert cell["edge_specific"] == pytest.approx(beyond, abs=0.006)
        # Two trainings of the networks agree less than these rules do with their maximum.
        assert cell["ceiling"] == pytest.approx(0.80, abs=0.01)


def test_it_is_what_comparing_spaces_says(shipped) -> None:
    other = opscore.compare_spaces().against("best-acc").drop("transnas-macro")
    own = shipped.cells.set_index(["entrant", "space", "task"])["rho"]
    for (space, task), row in other.iterrows():
        for name in ("zc-pt(nwot)", "op-params", "best-fixed-order"):
            assert own[name, space, task] == pytest.approx(row[name])


def test_another_truth_than_the_frozen_one_is_refused() -> None:
    board = read_board()
    (first, *rest) = board.truths
    other = Board(
        **{**vars(board), "truths": (BoardTruth(**{**vars(first), "sha256": "0"}), *rest)}
    )
    with pytest.raises(UserError, match="sha256 0; the one that ships has ed8f"):
        board_truths(other)


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ("2020.1", "known: 2026.1"),
        ("version = 1", "truths is a list of tables"),
        ("entrants = ['a']\n[[truths]]\nspace = 'nowhere'", "missing"),
        ("[", "no board"),
    ],
)
def test_a_bad_board_is_one_line(given: str, match: str, tmp_path: Path) -> None:
    path = tmp_path / "board.toml"
    path.write_text(given)
    with pytest.raises(UserError, match=match):
        read_board(given if given == "2020.1" else path)


def cell(x: list[float], y: list[float]) -> Match:
    names = tuple("abcde"[: len(x)])
    one, other = np.array(x, dtype=float), np.array(y, dtype=float)
    return Match(0, 0, 0, names, one, other)


def test_picks_by_hand() -> None:
    """The best is c; of four operations two survive a cut to half."""
    assert _picks(cell([1, 2, 4, 3], [0, 1, 5, 3])) == (1, 1, 0)
    assert _picks(cell([4, 3, 2, 1], [0, 1, 5, 3])) == (0, 0, 1)  # it picks the worst
    assert _picks(cell([1, 4, 2, 3], [0, 1, 5, 3])) == (0, 0, pytest.approx(4 / 5))
    # Three are level: a third is the best of them, two thirds of them survive the cut.
    assert _picks(cell([1, 2, 2, 2], [0, 1, 5, 3])) == (
        pytest.approx(1 / 3),
        pytest.approx(2 / 3),
        pytest.approx((5 - 3) / 5),
    )
    assert _picks(cell([1, 2, 3], [5, 0, 1]))[1] == 0  # of three operations, two survive


def edges_of(values: dict[str, np.ndarray]) -> pd.DataFrame:
    """Arrays [spaces, edges, seeds] of rho, by entrant."""
    rows = [
        (f"s{space}", "task", "held-out", "best-acc", name, seed, edge, rho)
        for name, array in values.items()
        for (space, edge, seed), rho in np.ndenumerate(array)
    ]
    return pd.DataFrame(rows, columns=list(EDGES)).astype(EDGES)


def cells_of(edges: pd.DataFrame) -> pd.DataFrame:
    means = edges.groupby(["space", "task", "role", "reference", "entrant"], sort=False)["rho"]
    found = means.mean().reset_index()
    return found.assign(edge_specific=np.nan, top_1=0.5, top_half=0.5, regret=0.5)


def test_across_cells_spaces_count_alike() -> None:
    """a is above b on 3 edges of one space and on 1 of two of another: means by space."""
    edges = edges_of({"a": np.full((1, 3, 2), 0.8), "b": np.full((1, 3, 2), 0.2)})
    second = edges_of({"a": np.array([[[0.4], [0.0]]]), "b": np.array([[[0.2], [0.1]]])})
    edges = pd.concat([edges, second.assign(space="s1")], ignore_index=True)
    table = ranking(cells_of(edges), edges).set_index("entrant")
    assert table["rho"].to_dict() == pytest.approx({"a": (0.8 + 0.2) / 2, "b": (0.2 + 0.15) / 2})
    assert list(table.index) == ["a", "b"]
    assert table["mean_rank"].to_dict() == {"a": 1, "b": 2}
    assert table["wins"].to_dict() == {"a": 1, "b": 0}
    assert table.loc["a", "p_first"] + table.loc["b", "p_first"] == pytest.approx(1)
    assert table.loc["a", "ci_low"] < table.loc["a", "rho"] < table.loc["a", "ci_high"]
    (pair,) = pairs(cells_of(edges), edges).to_dict("records")
    assert pair["difference"] == pytest.approx((0.6 + 0.05) / 2)
    assert (pair["won"], pair["tied"], pair["lost"], pair["n_edges"]) == (2, 0, 0, 5)
    # Of the 32 signs only those of all +, all -, and the smallest edge turned reach as far: the
    # parts are .1, .1, .1, .05, -.025.
    assert pair["p_value"] == pytest.approx(4 / 32)
    assert pair["p_holm"] == pair["p_value"]


def test_what_a_space_lacks_is_missing_and_not_zero() -> None:
    edges = edges_of({"a": np.full((2, 3, 1), 0.5), "b": np.full((2, 3, 1), 0.4)})
    edges = edges[~((edges["entrant"] == "b") & (edges["space"] == "s1"))]
    table = ranking(cells_of(edges), edges).set_index("entrant")
    assert table.loc["b", "n_spaces"] == 1
    assert table.loc["b", "rho"] == pytest.approx(0.4)
    assert math.isnan(table.loc["b", "ci_low"])


def test_variances_are_found_again_and_needs_follow() -> None:
    generator = np.random.default_rng(0)
    parts = [
        generator.normal(0, 0.3, (40, 1, 1)),
        generator.normal(0, 0.2, (40, 30, 1)),
        generator.normal(0, 0.4, (40, 30, 8)),
    ]
    gaps = sum(parts)
    edges = edges_of({"a": gaps / 2, "b": -gaps / 2})
    wide = edges.pivot_table("rho", ["space", "edge", "seed"], "entrant")
    found = components(wide["a"] - wide["b"])
    assert found is not None
    drawn = [float(part.std()) for part in parts]
    assert [part**0.5 for part in found] == pytest.approx(drawn, rel=0.05)
    rows = power(edges, 0.1).set_index("unit")
    # About ((1.96 + 0.84) s / d)^2 units, a little more where they are few.
    assert rows.loc["spaces", "needed"] == pytest.approx(7.85 * drawn[0] ** 2 / 0.01, rel=0.1)
    assert rows.loc["edges", "needed"] == pytest.approx(7.85 * (0.04 + 0.02) / 0.01, rel=0.1)
    half = power(edges, 0.05).set_index("unit")
    assert half.loc["edges", "needed"] > 3.5 * rows.loc["edges", "needed"]
    # An entrant without seeds is the same in all of them.
    fixed = edges[(edges["entrant"] == "b") & (edges["seed"] == 0)].assign(seed=pd.NA, rho=0.0)
    own = pd.concat([edges[edges["entrant"] == "a"], fixed]).astype(EDGES)
    with_bar = power(own, 0.1, pair=("a", "b")).set_index("unit")
    assert with_bar.loc["edges", "needed"] < rows.loc["edges", "needed"] / 3  # half of the gaps
    with pytest.raises(UserError, match="difference"):
        power(edges, 0)


@pytest.mark.parametrize(
    "policy", ["main(synflow)+0.5*residual(l2_norm)", "log-rank(synflow,l2_norm)"]
)
def test_sums_of_stored_scores_are_what_their_policy_gives(policy: str) -> None:
    names = ["zc-pt(synflow)", "zc-pt(l2_norm)", policy]
    asked = {"size": "smoke", "batch_size": 8, "images": "noise", "baselines": False}
    scores = opscore.initial(names, 0, oracle=OracleSettings(source="none"), **asked).scores
    own = scores[scores["policy"] == policy].reset_index(drop=True)
    columns = ["policy", "seed", "edge", "op", "score", "strength", "status"]
    pd.testing.assert_frame_equal(derived(scores, policy)[columns], own[columns])


def test_a_space_without_shipped_scores_has_none() -> None:
    other = BoardTruth("nb1shot1-3", ("cifar10",), "", "other")
    board = replace(read_board(), truths=(other,))
    assert shipped_scores(board)["nb1shot1-3"].scores.empty


def test_costs_are_counted() -> None:
    assert passes("zc-pt(nwot)", NASBENCH201) == (30, False)
    assert passes("zc-pt(snip)", NASBENCH201) == (30, True)
    assert passes("shapley-zc(nwot)", NASBENCH201) == (1 + 8 * 24, False)
    assert passes("taylor-pt(synflow)", NASBENCH201) == (1, True)
    assert passes("ig(synflow)", NASBENCH201) == (8, True)
    assert passes("pairwise(nwot)", NASBENCH201) == (1 + 30 + 300, False)
    assert passes("zc-pt(nwot, by=cell)", NASBENCH201) == (None, False)
    assert passes("main(synflow)+0.5*residual(nwot)", NASBENCH201) == (60, True)
    assert passes("residual(params)", NASBENCH201) == (0, False)
    for name in ("nasbench201", "nb1shot1-1", "nb1shot1-2"):  # no network, or the same one, twice
        space = get_space(name)
        states = drawn_completions(space.initial_state(), 0)
        assert passes("best-zc(nwot)", space)[0] == len(set(states)) < 500


def small_board(path: Path) -> None:
    """The shipped board with four of its entrants, on the tasks of two spaces."""
    shipped = Path(opscore.board.__file__).parent / "2026.1.toml"
    head, *truths = shipped.read_text().split("[[truths]]")
    before, _, after = head.partition("entrants = [")
    few = ["zc-pt(nwot)", "op-params", "residual(params)", read_board().frozen]
    head = f"{before}entrants = {json.dumps(few)}{after.partition(chr(10) + ']')[2]}"
    path.write_text("[[truths]]".join([head, truths[0], truths[2]]))


def test_the_command_needs_no_data(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPSCORE_DATA", str(tmp_path / "nowhere"))
    monkeypatch.chdir(tmp_path)
    small_board(tmp_path / "small.toml")
    with pytest.raises(SystemExit) as ended:
        main(["leaderboard", "--board", "small.toml", "--json", "--out", "board"])
    assert ended.value.code == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"ranking", "cells", "pairs", "bias", "cost", "settings"}
    assert found["settings"]["board"] == "2026.1"
    assert (tmp_path / "board" / "leaderboard.png").is_file()
    page = (tmp_path / "board" / "leaderboard.html").read_text()
    assert "How sure that is" in page[: page.index("<table")]
    assert "http" not in page.replace("http-equiv", "").partition("data:image")[0]
    with pytest.raises(SystemExit) as ended:
        main(["leaderboard", "--live"])
    assert ended.value.code == 2
    with pytest.raises(SystemExit) as ended:
        main(["leaderboard", "--live", "--policies", "best-acc"])
    assert ended.value.code == 2
    assert "reads the truth" in capsys.readouterr().err


def test_an_entrant_may_be_another_policy_in_each_space() -> None:
    own = Entrant("large-first", {"nasbench-macro": "fixed-order(mb_k5_e6>identity)"})
    assert own.policy("nasbench-macro") == "fixed-order(mb_k5_e6>identity)"
    assert own.policy("nasbench201") == "large-first"


def test_what_to_use_is_said_with_how_sure_that_is(shipped) -> None:
    (line,) = shipped.lines()
    ranking = shipped.ranking.set_index("entrant")
    assert line.startswith("What to use: ")
    assert f"residual(params) has {ranking.loc['residual(params)', 'rho']:.2f}" in line or (
        f"residual(params), whose mean rho is {ranking.loc['residual(params)', 'rho']:.2f}" in line
    )
    two = ranking.loc[["op-params", "zc-pt(nwot)"]].reset_index()
    told = " ".join(advice(two, shipped.pairs, None, "op-params"))
    pair = shipped.pairs.set_index(["entrant_a", "entrant_b"]).loc[("zc-pt(nwot)", "op-params")]
    assert "What to use: op-params, whose" in told  # nothing tells the other apart from it
    assert f"{-pair['difference']:+.2f} (p {pair['p_value']:.2g}" in told
    apart = shipped.pairs.assign(p_holm=0.01, difference=shipped.pairs["difference"].abs())
    better = two.assign(rho=[0.5, 0.7])[::-1]
    told = " ".join(advice(better, apart, None, "op-params"))
    assert "What to use: zc-pt(nwot), whose mean rho is 0.70" in told
    assert "there is 1 (1 of them surely) with a higher mean than op-params" in told
    assert advice(two.tail(1), shipped.pairs, None, "op-params") == []
