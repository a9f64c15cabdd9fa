"""Solutions of the code exercises of notebook 02."""

import torch

from contav_lib.teaching.check import check


def attend(query, tokens, padded):
    """Mean of the tokens, weighted by how well each fits the query; nothing is heard of the padding."""
    scores = torch.einsum("rd,rsd->rs", query, tokens) / query.shape[1] ** 0.5
    attention = scores.masked_fill(padded, float("-inf")).softmax(1)  # [R, S], rows of sum 1
    return torch.einsum("rs,rsd->rd", attention, tokens)


def mask_head(weights, maps):
    """Weighted sum of the mask features, through a sigmoid (eq. 6)."""
    sums = (weights[..., None, None] * maps[:, None]).sum(2)
    return sums.sigmoid()


print(check("masked attention", attend))
print(check("mask head", mask_head))
