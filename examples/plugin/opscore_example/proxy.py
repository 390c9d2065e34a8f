"""logit-spread: how differently a network answers the images of a minibatch.

    S = mean over classes of the standard deviation of the logits over images

(opscore_example). Larger is better.
"""

import torch

from opscore import register_proxy


@register_proxy("logit-spread", higher_is_better=True, source="opscore_example")
def logit_spread(network, batch):
    """S of a network, which is a copy in eval mode."""
    with torch.no_grad():
        return float(network(batch.images).std(dim=0).mean())
