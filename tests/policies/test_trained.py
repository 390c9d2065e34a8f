from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field, replace

import pytest
import torch
from hearing import heard, steps_done

import opscore
from opscore.experiments import ScoringContext, ScoringSettings, Unit, resolve
from opscore.experiments.trained_supernets import CHECKPOINT, SupernetTraining, trained_supernet
from opscore.images import Batch, load_images
from opscore.policies import find_family, list_policies, make_policy
from opscore.proxies import FAITHFUL, How
from opscore.runs.store import RunStore
from opscore.settings.profiles import TrainingProfile
from opscore.spaces import NASBENCH201
from opscore.supernets import Supernet, build_supernet
from opscore.supernets.epochs import read_checkpoint
from opscore.supernets.training import tune

INITIAL = NASBENCH201.initial_state()
PROFILE = TrainingProfile(
    "tiny", epochs=1, steps=2, images=64, validation=24, tuning_epochs=1, batch_size=8
)
SETTINGS = ScoringSettings(
    policies=("darts",), size="smoke", images="digits", device="cpu", training=PROFILE
)
#: Five edges decided, so that few operations are left to score.
ALMOST = NASBENCH201.architecture([3, 0, 0, 0, 0, 0])
ALMOST = replace(ALMOST, mask=(*ALMOST.mask[:3], (True,) * 5, *ALMOST.mask[4:]))


def path_of(settings, seed):
    """Where the checkpoint of this training is, or would be."""
    return RunStore(settings.cache).path(SupernetTraining(settings, seed).key()) / CHECKPOINT


@dataclass
class GivenContext:
    """A context around a given supernet, which counts what it is asked to train."""

    trained_supernet: Supernet
    validation: Batch
    how: How = FAITHFUL
    seed: int = 0
    trained: list[object] = field(default_factory=list)

    def train(self, supernet, state):
        self.trained.append((supernet, state))
        tune(supernet, load_images("digits"), PROFILE, 0, state=state, measure=False)


@pytest.fixture(scope="module")
def supernet():
    made = build_supernet(size="smoke")
    # Running statistics and weights that are not those of a fresh supernet.
    tune(made, load_images("digits"), PROFILE, 0, state=ALMOST, measure=False)
    return made


@pytest.fixture
def context(supernet):
    batch = load_images("digits").minibatch(40, 0, "test")
    return GivenContext(deepcopy(supernet), batch)


def values(scores):
    return {edge: [score.value for score in row] for edge, row in scores.items()}


def test_they_are_registered_with_their_directions(context):
    assert {"darts", "disc-acc", "darts-pt"} <= set(list_policies())
    directions = {
        name: make_policy(name, context).higher_is_better
        for name in ("darts", "disc-acc", "darts-pt")
    }
    assert directions == {"darts": True, "disc-acc": True, "darts-pt": False}
    assert all(find_family(name)[0].policy.uses == {"trained", "seed"} for name in directions)


def test_darts_is_the_softmax_of_given_alphas(context):
    alphas = torch.zeros(6, 5)
    alphas[0] = torch.log(torch.tensor([1.0, 2.0, 3.0, 4.0, 10.0]))
    context.trained_supernet.alphas.copy_(alphas)
    policy = make_policy("darts", context)
    scores = values(policy.scores(INITIAL, [0, 1]))
    assert scores[0] == pytest.approx([0.05, 0.1, 0.15, 0.2, 0.5])
    assert scores[1] == pytest.approx([0.2] * 5)
    assert policy.choose(INITIAL, 0) == 4
    # The share is of all operations, removed ones too; what remains is ranked.
    reduced = INITIAL.perturb(0, 4)
    assert values(policy.scores(reduced, [0]))[0] == pytest.approx([0.05, 0.1, 0.15, 0.2])
    assert policy.choose(reduced, 0) == 3


@pytest.mark.parametrize("meaning", ["faithful", "clean"])
def test_darts_pt_is_a_masked_accuracy_that_is_not_renormalised(context, meaning):
    context.how = How(meaning)
    supernet, batch = context.trained_supernet, context.validation
    found = values(make_policy("darts-pt", context).scores(INITIAL, [3]))[3]
    expected = []
    for op in range(5):
        weights = torch.softmax(supernet.alphas, dim=1)
        weights[3, op] = 0
        by_hand = deepcopy(supernet).train(meaning == "faithful")
        with torch.no_grad():
            # Statistics are those of the batch as a whole in one go: 40 is less than a chunk.
            right = by_hand(batch.images, weights).argmax(1) == batch.labels
        expected.append(100 * float(right.double().mean()))
    assert found == pytest.approx(expected)
    assert not context.trained


def test_darts_pt_keeps_the_operation_whose_removal_hurts_most(context, monkeypatch):
    policy = make_policy("darts-pt", context)
    by_op = {0: 50.0, 1: 30.0, 2: 30.0, 3: 70.0, 4: 60.0}
    monkeypatch.setattr(policy, "measure", lambda state, edge, op: by_op[op])
    assert policy.choose(INITIAL, 2) == 1, "the first of the lowest"


def test_disc_acc_retrains_a_copy_for_each_operation(context):
    before = {k: v.clone() for k, v in context.trained_supernet.state_dict().items()}
    found = make_policy("disc-acc", context).scores(ALMOST, [3])[3]
    for name, value in context.trained_supernet.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert [state for _, state in context.trained] == [ALMOST.discretize(3, op) for op in range(5)]
    assert context.trained_supernet not in [supernet for supernet, _ in context.trained]
    # By hand, for the last one: it starts from the same weights whatever came before it.
    by_hand, state = deepcopy(context.trained_supernet), ALMOST.discretize(3, 4)
    tune(by_hand, load_images("digits"), PROFILE, 0, state=state, measure=False)
    with torch.no_grad():
        logits = by_hand.train()(context.validation.images, by_hand.weights(state))
    right = (logits.argmax(1) == context.validation.labels).double().mean()
    assert found[4].value == pytest.approx(100 * float(right))
    assert all(score.status == "ok" and score.seconds > 0 for score in found)


def test_the_real_context_trains_once_and_keeps_it(tmp_path):
    settings = resolve(replace(SETTINGS, cache=tmp_path))
    with heard() as events:
        first = trained_supernet(settings, 0)
        assert len(steps_done(events, "epochs")) == 1
        again = trained_supernet(settings, 0)
    assert len(steps_done(events, "epochs")) == 1, "found, not trained"
    assert torch.equal(first.alphas, again.alphas)
    log = read_checkpoint(path_of(settings, 0))["log"]
    assert [row["epoch"] for row in log] == [1]
    assert torch.equal(ScoringContext(settings, 0).trained_supernet.alphas, first.alphas)
    other = trained_supernet(settings, 1)
    assert not torch.equal(other.alphas, first.alphas)
    # Without a folder the same numbers come from memory, each time as a copy of its own.
    kept = replace(settings, cache=None)
    one, two = trained_supernet(kept, 0), trained_supernet(kept, 0)
    assert one is not two
    assert torch.equal(one.alphas, first.alphas)


def test_retraining_settings_share_a_training_and_others_do_not(tmp_path):
    settings = resolve(replace(SETTINGS, cache=tmp_path))
    tuned = replace(settings, training=PROFILE.with_tuning(9))
    longer = replace(settings, training=replace(PROFILE, epochs=3))
    assert path_of(settings, 0) == path_of(tuned, 0)
    assert path_of(settings, 0) != path_of(longer, 0)
    assert path_of(settings, 0) != path_of(settings, 1)


def test_the_run_key_depends_on_training_for_trained_policies_only(tmp_path):
    base = resolve(replace(SETTINGS, policies=("darts", "zc-pt(nwot)")))
    longer = replace(base, training=replace(PROFILE, epochs=3))
    elsewhere = replace(base, cache=tmp_path)
    keys = {
        policy: [Unit(settings, policy, 0).key() for settings in (base, longer, elsewhere)]
        for policy in base.policies
    }
    assert keys["darts"][0] != keys["darts"][1]
    assert keys["zc-pt(nwot)"][0] == keys["zc-pt(nwot)"][1]
    assert keys["darts"][0] == keys["darts"][2], "scores do not depend on the folder"


def test_the_profile_goes_by_the_size_unless_one_is_given():
    of_size = ScoringSettings(policies=("darts",), size="cpu")
    assert of_size.profile.name == "cpu"
    assert replace(of_size, training="smoke").profile.name == "smoke"
    assert SETTINGS.profile is PROFILE


def test_a_checkpoint_takes_the_place_of_training(tmp_path, supernet):
    path = tmp_path / "given.pt"
    alphas = torch.randn(6, 5)
    torch.save({**dict(supernet.named_parameters()), "arch_parameters": alphas}, path)
    context = ScoringContext(resolve(replace(SETTINGS, checkpoint=path)), 0)
    scores = make_policy("darts", context).scores(INITIAL, [0])[0]
    expected = torch.softmax(alphas, dim=1)[0].tolist()
    assert [score.value for score in scores] == pytest.approx(expected)


@pytest.mark.usefixtures("data_dir")
def test_initial_scoring_says_how_supernets_were_trained():
    small = {"size": "smoke", "batch_size": 16, "images": "digits", "training": PROFILE}
    result = opscore.initial(["darts"], baselines=False, **small)
    assert result.notes()[2].startswith("tiny training: 1 epochs of 2 steps of 8 images")
    assert (result.scores[result.scores.policy == "darts"].status == "ok").all()
    assert len(opscore.initial(["random"], **small).notes()) == 4
