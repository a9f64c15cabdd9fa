"""Six typical wrong answers to lab 2."""

from wrong import Wrong

WRONG = [
    Wrong(
        "attend",
        """
def attend(queries, tokens, heads):
    asked = queries.unflatten(2, (heads, -1)).transpose(1, 2)
    said = tokens.unflatten(2, (heads, -1)).transpose(1, 2)
    shares = (asked @ said.mT / queries.shape[2] ** 0.5).softmax(3)
    return (shares @ said).transpose(1, 2).flatten(2)
""",
        "a head sees D / H values",
    ),
    Wrong(
        "attend",
        """
def attend(queries, tokens, heads):
    answers = []
    for query, token in zip(queries, tokens):
        pieces = zip(query.chunk(heads, 1), token.chunk(heads, 1))
        answers.append(torch.cat([(q @ t.T / q.shape[1] ** 0.5).softmax(1) @ t for q, t in pieces], 1))
    return torch.stack(answers)
""",
        "is there a loop over samples?",
    ),
    Wrong(
        "ask",
        """
def ask(queries, looks, classes):
    question = queries[classes.clamp(min=0)] + looks
    return question / (question.square().mean(-1, keepdim=True) + 1e-6).sqrt()
""",
        "The *last* row stands for 'not told'",
    ),
    Wrong(
        "sharing_masks",
        """
def sharing_masks(weights, maps):
    return torch.einsum("bnc,bcft->bnft", weights, maps).sigmoid()
""",
        "Nothing stops two masks from claiming the same pixel",
    ),
    Wrong(
        "sharing_masks",
        """
def sharing_masks(weights, maps):
    shares = torch.einsum("bnc,bcft->bnft", weights, maps).exp()
    return shares / (1 + shares.sum(1, keepdim=True))
""",
        "infinity over infinity is NaN",
    ),
    Wrong(
        "other_pictures",
        """
def other_pictures(features, classes, same):
    rows = torch.arange(len(classes))
    after = (rows[None, :] - rows[:, None]) % len(rows)
    fits = (classes[None, :] == classes[:, None]) == same
    return features[after.masked_fill(~fits, len(rows)).argmin(1)]
""",
        "but no other's",
    ),
]
