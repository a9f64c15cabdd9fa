"""Solutions of the code exercises of notebook 04."""

from torch.nn.functional import normalize

from contav_lib.teaching.check import check


def distil(masks, old, weights, is_memory):
    """Weighted distance to the old masks, over the memory sources (eq. 11)."""
    distance = weights * (masks - old).abs()  # [B, N, F, T]
    return distance[is_memory].mean()


def one_direction(anchors, candidates, positives, temperature=0.05):
    """Minus the mean log-share of each anchor's positives (eq. 7 and 9)."""
    cosines = normalize(anchors, dim=1) @ normalize(candidates, dim=1).T
    log_shares = (cosines / temperature).log_softmax(1)
    return -((log_shares * positives).sum(1) / positives.sum(1)).mean()


print(check("mask distillation", distil))
print(check("one direction of the contrastive loss", one_direction))
