"""Other truths of NAS-Bench-201's networks: under attack, and on devices."""

import numpy as np
import pytest
from scipy.stats import spearmanr

import opscore
from opscore.errors import UserError


def agreement(one, other):
    return spearmanr(one.mean_accuracy.ravel(), other.mean_accuracy.ravel(), nan_policy="omit")[0]


@pytest.mark.parametrize(
    ("dataset", "rho"),
    [
        ("fgsm_eps1.0", 0.72),
        ("square_eps1.0", 0.63),
        ("pgd_eps1.0", 0.07),
        ("apgd_ce_eps2.0", -0.20),
    ],
)
def test_robust_networks_are_others_than_accurate_ones(data_dir, dataset, rho):
    """Spearman with clean test accuracy, counted by hand from the published file."""
    clean = opscore.load_oracle("nasbench201", "cifar10", seeds="mean")
    attacked = opscore.load_oracle("nasbench201", dataset, source="robustness")
    assert agreement(clean, attacked) == pytest.approx(rho, abs=0.006)
    assert attacked.metric.unit == "%"


def test_a_cost_counts_the_other_way_round(data_dir):
    latency = opscore.load_oracle("nasbench201", source="hardware")
    assert latency.dataset == "cifar10_edgegpu_latency"
    assert (latency.mean_accuracy < 0).all()
    fastest, value = latency.top(1)[0]
    assert latency.error(fastest) == -value == pytest.approx(-latency.mean_accuracy.max())
    accuracy = opscore.load_oracle("nasbench201", "cifar10", seeds="mean")
    assert agreement(accuracy, latency) < -0.3  # larger networks are better, and slower


def test_what_a_device_could_not_run_is_missing(data_dir):
    with pytest.raises(UserError, match="4,699"):
        opscore.load_oracle("nasbench201", "cifar10_edgetpu_latency", source="hardware")
    some = opscore.load_oracle(
        "nasbench201", "cifar10_edgetpu_latency", source="hardware", allow_partial=True
    )
    assert np.isnan(some.mean_accuracy).sum() == 4_699


def test_they_are_no_truth_that_nobody_asked_for(data_dir):
    assert opscore.load_oracle("nasbench201").dataset == "cifar10"
    with pytest.raises(UserError, match="robustness"):
        opscore.load_oracle("nasbench201", source="robustnes")
