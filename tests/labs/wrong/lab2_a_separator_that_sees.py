"""Typical wrong answers to lab 2."""

from wrong import Wrong

WRONG = [
    Wrong(
        "multi_head_attention",
        """
def multi_head_attention(queries, tokens, heads):
    width = queries.shape[2]
    queries = queries.unflatten(2, (heads, -1)).transpose(1, 2)
    keys = tokens.unflatten(2, (heads, -1)).transpose(1, 2)
    weights = (queries @ keys.mT / width**0.5).softmax(3)
    return (weights @ keys).transpose(1, 2).flatten(2)
""",
        "a head sees D / H values",
    ),
    Wrong(
        "multi_head_attention",
        """
def multi_head_attention(queries, tokens, heads):
    answers = []
    for query, token in zip(queries, tokens):
        pieces = zip(query.chunk(heads, 1), token.chunk(heads, 1))
        answers.append(torch.cat([(q @ t.T / q.shape[1] ** 0.5).softmax(1) @ t for q, t in pieces], 1))
    return torch.stack(answers)
""",
        "is there a Python loop in it?",
    ),
    Wrong(
        "multi_head_attention",
        """
def multi_head_attention(queries, tokens, heads):
    rows, count, width = queries.shape
    queries = queries.reshape(rows, heads, count, width // heads)
    keys = tokens.reshape(rows, heads, -1, width // heads)
    weights = (queries @ keys.mT / queries.shape[3] ** 0.5).softmax(3)
    return (weights @ keys).reshape(rows, count, width)
""",
        "cut the last axis alone",
    ),
    Wrong(
        "multi_head_attention",
        """
def multi_head_attention(queries, tokens, heads):
    shape = queries.shape
    queries = queries.unflatten(2, (heads, -1)).transpose(1, 2)
    keys = tokens.unflatten(2, (heads, -1)).transpose(1, 2)
    weights = (queries @ keys.mT / queries.shape[3] ** 0.5).softmax(3)
    return (weights @ keys).reshape(shape)
""",
        "joined in a wrong order",
    ),
    Wrong(
        "source_queries",
        """
def source_queries(class_queries, object_features, classes):
    queries = class_queries[classes] + object_features
    return queries / (queries.square().mean() + 1e-6).sqrt()
""",
        "one mean for all",
    ),
    Wrong(
        "source_queries",
        """
def source_queries(class_queries, object_features, classes):
    queries = class_queries[classes.clamp(min=0)] + object_features
    return queries / (queries.square().mean(-1, keepdim=True) + 1e-6).sqrt()
""",
        "The last row stands for 'not told'",
    ),
    Wrong(
        "softmax_masks",
        """
def softmax_masks(weights, maps):
    return torch.einsum("bnc,bcft->bnft", weights, maps).sigmoid()
""",
        "Nothing stops two masks from claiming the same pixel",
    ),
    Wrong(
        "softmax_masks",
        """
def softmax_masks(weights, maps):
    shares = torch.einsum("bnc,bcft->bnft", weights, maps).exp()
    return shares / (1 + shares.sum(1, keepdim=True))
""",
        "infinity over infinity is NaN",
    ),
    Wrong(
        "softmax_masks",
        """
def softmax_masks(weights, maps):
    sums = torch.einsum("bnc,bcft->bnft", weights, maps)
    return torch.cat([sums, torch.ones_like(sums[:, :1])], 1).softmax(1)[:, :-1]
""",
        "its exponential should be 1",
    ),
    Wrong(
        "mismatched_features",
        """
def mismatched_features(features, classes, same):
    found = torch.empty_like(features)
    for i in range(len(classes)):
        after = [(i + step) % len(classes) for step in range(1, len(classes))]
        found[i] = features[next(j for j in after if (classes[j] == classes[i]) == same)]
    return found
""",
        "is there a Python loop in it?",
    ),
    Wrong(
        "mismatched_features",
        """
def mismatched_features(features, classes, same):
    rows = torch.arange(len(classes))
    after = rows[None, :] - rows[:, None]
    fits = ((classes[None, :] == classes[:, None]) == same) & (after > 0)
    return features[after.masked_fill(~fits, len(classes)).argmin(1)]
""",
        "after the last row comes the first",
    ),
    Wrong(
        "mismatched_features",
        """
def mismatched_features(features, classes, same):
    rows = torch.arange(len(classes))
    after = (rows[None, :] - rows[:, None]) % len(rows)
    fits = (classes[None, :] == classes[:, None]) == same
    return features[after.masked_fill(~fits, len(rows)).argmin(1)]
""",
        "but no other's",
    ),
]
