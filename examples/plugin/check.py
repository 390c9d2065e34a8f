"""The promises that opscore relies on, checked for what this package adds: python check.py."""

from opscore.testing import check_oracle, check_policy, check_proxy, check_space

check_space("example-chain")
check_oracle("example-chain")
check_proxy("logit-spread", ["example-chain", "nasbench201"])
check_policy("lightest(params)", ["example-chain", "nasbench201"])
print("all promises are kept")
