"""The sections of the page: what the runs of a study gave, with what was published beside it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pandas as pd

from opscore import schema
from opscore.analysis import (
    Correlation,
    Selection,
    correlation_bars,
    correlation_lines,
    correlation_matrix,
    edge_specific_agreement,
)
from opscore.analysis.search_figures import error_bars
from opscore.analysis.stages import scores_of_stage
from opscore.answers import Table, guessed
from opscore.errors import UserError
from opscore.experiments import ProgressiveUnit, ScoringSettings, tables
from opscore.experiments.dependencies import made_with
from opscore.oracles import Truth
from opscore.published import (
    PAPER,
    Made,
    Setting,
    published_correlations,
    published_initial,
    published_pick,
    side_by_side,
)
from opscore.published import published_progressive as progressive_values
from opscore.report.pictures import Drawing, picture
from opscore.report.studies import Study
from opscore.report.truths import Truths, setting_of
from opscore.report.words import described, plain
from opscore.runs.reading import StoredRun, outcome_of
from opscore.runs.store import Outcome
from opscore.search import SearchSettings
from opscore.search.call import SearchUnit
from opscore.search.result import SearchResult
from opscore.settings.profiles import profile_name
from opscore.spaces import get_space
from opscore.typed import made, types_of

#: What each policy's scores were made with.
_MadeBy = Mapping[str, Made]

#: What scores are compared with.
_REFERENCES = ("best-acc", "avg-acc")

#: Policies of which a figure has room.
_MOST_DRAWN = 24


@dataclass
class Section:
    """A part of the page.

    Attributes:
        name: its anchor.
        title: its heading.
        facts: settings, pairs of name and value.
        notes: what should be known of its numbers, a sentence each.
        pictures: its figures.
        tables: its tables.
    """

    name: str
    title: str
    facts: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    pictures: list[Drawing] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)


def section_of(study: Study, name: str, truths: Truths) -> Section:
    """The section of a study; what cannot be computed here is said in its notes."""
    known = {"initial": _initial, "progressive": _progressive, "search": _search}
    section = Section(name, _title(study), described(study.settings))
    if study.settings.get("size", "paper") not in ("paper", None):
        section.notes.append(
            f"Measured on the {plain(study.settings['size'])} size, which is reduced; what was "
            "published is of the paper's size."
        )
    if study.replaced:
        section.notes.append(
            f"{len(study.replaced)} finished runs of other code for the same policy and seed are "
            "left out; the latest counts."
        )
    try:
        known.get(study.kind, _anything)(section, study, truths)
    except UserError as error:
        section.notes.append(f"Not all can be shown here: {plain(error, 400)}.")
    return section


def _title(study: Study) -> str:
    words = {
        "initial": "Initial scores",
        "progressive": "Scores along a search",
        "search": "Searches",
    }
    title = words.get(study.kind, plain(study.kind))
    return f"{title}: {plain(study.space)}" if study.space else title


def _initial(section: Section, study: Study, truths: Truths) -> None:
    scores = pd.concat(
        [_scores(run, outcome, "scores") for run, outcome in _outcomes(study)], ignore_index=True
    )
    space = get_space(study.space)
    setting = _truth(section, study, truths)
    staged = scores_of_stage(scores, space)
    correlation = Correlation(weightless=space.weightless)(staged)
    made = _made(study)
    section.tables += _agreement(staged, correlation, setting, made)
    _draw_initial(section, correlation, setting, made)
    selection = Selection()(scores, _judge(section, study, truths))
    picks = _with_published(selection, setting, made)
    section.tables.append(tables.selection(picks, setting.dataset if setting else None))


def _progressive(section: Section, study: Study, truths: Truths) -> None:
    space = get_space(study.space)
    parts, ends = [], []
    judge = _judge(section, study, truths)
    for run, outcome in _outcomes(study):
        parts += [_scores(run, outcome, name) for name in outcome.tables]
        ends += [{**_who(run), **found} for found in judge.judge(_end(study, run, outcome))]
    setting = _truth(section, study, truths)
    scores = pd.concat(parts, ignore_index=True)
    own = scores["policy"] == "best-acc"
    scores = pd.concat([scores[own], scores_of_stage(scores[~own], space)], ignore_index=True)
    if own.any():
        correlation = Correlation(reference_iteration=0)(scores, references=["best-acc"])
        known = progressive_values(setting) if setting else progressive_values().head(0)
        rows = side_by_side(correlation, "best-acc", known, setting or PAPER, _made(study))
        section.tables.append(tables.curves(rows, "A_0"))
        drawn = correlation[correlation["policy"].isin(_first(correlation["policy"]))]
        if not drawn.empty:
            section.pictures.append(
                picture(
                    "Agreement with best-acc of A_0 along the searches",
                    lambda: correlation_lines(drawn, note="measured"),
                    f"{section.name}-lines",
                )
            )
    else:
        section.notes.append("No run of best-acc is here to compare with.")
    selection = schema.conform(pd.DataFrame(ends), "selection")
    dataset = setting.dataset if setting else None
    title = "Architecture that each search ended on"
    section.tables.append(tables.selection(selection, dataset, title))


def _search(section: Section, study: Study, truths: Truths) -> None:
    found = []
    _judge(section, study, truths)
    known = {n: study.settings[n] for n in types_of(SearchSettings) if n in study.settings}
    if "training" in known:
        known["training"] = profile_name(known["training"])
    known |= {"space": study.space, "data_dir": truths.data_dir}
    known["oracle"] = truths.judging(study.space, study.settings.get("oracle"))
    settings = made(SearchSettings, known)
    for run, outcome in _outcomes(study):
        unit = SearchUnit(settings, plain(run.policy), run.key.get("seed"))
        found.append((unit.method, unit.seed, unit.found(outcome)))
    result = SearchResult.of(settings, found)
    summary = result.summary()
    section.tables += result.tables()
    rows = summary[summary["error"].notna()].rename(columns={"error": "mean"})
    for number, (dataset, each) in enumerate(rows.groupby("dataset", sort=False)):
        own = each[each["method"].isin(_first(each["method"]))]
        title = f"Test error on {dataset}"
        section.pictures.append(
            picture(
                title,
                partial(error_bars, own, "method", title=title),
                f"{section.name}-error{number}",
            )
        )


def _anything(section: Section, study: Study, truths: Truths) -> None:
    """The tables of runs of which nothing else is known here."""
    found: dict[str, list[pd.DataFrame]] = {}
    for run, outcome in _outcomes(study):
        for name, frame in outcome.tables.items():
            own = {key: value for key, value in _who(run).items() if key not in frame and value}
            found.setdefault(name, []).append(frame.assign(**own))
    for name, frames in found.items():
        joined = pd.concat(frames, ignore_index=True)
        section.tables.append(Table(plain(name), guessed(joined), joined))
    if not found:
        section.notes.append("These runs have no tables.")


def _outcomes(study: Study) -> list[tuple[StoredRun, Outcome]]:
    return [(run, outcome_of(run)) for run in study.runs]


def _who(run: StoredRun) -> dict[str, Any]:
    seed = run.key.get("seed")
    return {"policy": plain(run.policy), "seed": pd.NA if seed is None else int(seed)}


def _scores(run: StoredRun, outcome: Outcome, name: str) -> pd.DataFrame:
    """A table of scores, under a name that can be printed."""
    frame = schema.conform(outcome.tables[name], "scores")
    return frame.assign(policy=plain(run.policy))


def _end(study: Study, run: StoredRun, outcome: Outcome) -> Any:
    """The architecture that a progressive run ended on."""
    scoring = ScoringSettings(policies=(run.policy,), space=study.space)
    unit = ProgressiveUnit(scoring, run.policy, run.key.get("seed"), tuple(run.key["order"]))
    return unit.steps(outcome)[-1].after


def _truth(section: Section, study: Study, truths: Truths) -> Setting | None:
    """Space and truth of a study, if the truth is here; a note says which it is, or that not."""
    key = study.settings.get("oracle")
    if not isinstance(key, Mapping):
        section.notes.append("These runs had no truth to compare with.")
        return None
    given = truths.given(study.space, key)
    if given is None:
        section.notes.append(
            "The table of accuracies that these runs had is not here, so that nothing published "
            "can stand beside them; --data-dir names the folder that has it."
        )
        return None
    oracle = given[1]
    section.facts = [pair for pair in section.facts if pair[0] != "truth"]
    section.facts.append(("truth", plain(oracle.describe(), 300)))
    return setting_of(oracle)


def _judge(section: Section, study: Study, truths: Truths) -> Truth:
    """What says how good the architectures of a study are; the page names its table."""
    settings = truths.judging(study.space, study.settings.get("oracle"))
    judge = truths.truth(study.space, settings)
    section.facts.append(("errors and ranks", plain(judge.describe(), 300)))
    return judge


def _made(study: Study) -> dict[str, dict[str, Any]]:
    """What each policy's scores and their truth were made with, by policy."""
    truth = study.settings.get("oracle")
    of_truth = {"reduction": truth["seeds"]} if isinstance(truth, Mapping) else {}
    found = {}
    for run in study.runs:
        with suppress(UserError):  # a policy of another package, of which nothing was published
            found[plain(run.policy)] = made_with(run.policy, run.key) | of_truth
    return found


def _agreement(
    scores: pd.DataFrame, correlation: pd.DataFrame, setting: Setting | None, made: _MadeBy
) -> list[Table]:
    """Each policy's agreement with the references, beside what was published."""
    known = published_correlations(setting) if setting else published_correlations().head(0)
    found = []
    for reference in _REFERENCES:
        rows = side_by_side(correlation, reference, known, setting or PAPER, made)
        rows = rows.sort_values("measured", ascending=False, kind="stable")
        if len(rows):
            beyond = edge_specific_agreement(scores, [reference])
            found.append(tables.agreement_with(rows, reference, beyond))
    return found


def _draw_initial(
    section: Section,
    correlation: pd.DataFrame,
    setting: Setting | None,
    made: _MadeBy,
) -> None:
    names = _first(correlation["policy"])
    drawn = correlation[correlation["policy"].isin(names) & correlation["reference"].isin(names)]
    if (drawn["reference"] == "best-acc").any():
        published = published_initial("best-acc", setting, made) if setting else {}
        section.pictures.append(
            picture(
                "Agreement with best-acc",
                lambda: correlation_bars(drawn, published=published, note="measured"),
                f"{section.name}-bars",
            )
        )
    if len(names) > 2 and not drawn.empty:
        section.pictures.append(
            picture(
                "Agreement between policies",
                lambda: correlation_matrix(drawn, note="measured"),
                f"{section.name}-matrix",
            )
        )
    if len(names) < correlation["policy"].nunique():
        section.notes.append(f"Figures show the first {len(names)} policies.")


def _with_published(
    selection: pd.DataFrame, setting: Setting | None, made: _MadeBy
) -> pd.DataFrame:
    """What policies pick, with the published error and rank of the same settings."""
    if setting is None:
        return selection
    known = [
        published_pick(policy, replace(setting, dataset=dataset), made.get(policy, {}))
        for policy, dataset in zip(selection["policy"], selection["dataset"], strict=True)
    ]
    return selection.assign(
        published_error=[error.value for error, _ in known],
        published_rank=[rank for _, rank in known],
    )


def _first(names: pd.Series[Any]) -> list[str]:
    """The first policies or methods, as many as a figure has room for."""
    return list(dict.fromkeys(map(str, names)))[:_MOST_DRAWN]
