"""Typical wrong answers to lab 3."""

from wrong import Wrong

WRONG = [
    Wrong(
        "lost",
        """def lost(matrices):
    return matrices[:, :-1, :-1].max(axis=1) - matrices[:, -1, :-1]
""",
        "it gives NaN",
    ),
    Wrong(
        "lost",
        """def lost(matrices):
    return np.diagonal(matrices, axis1=1, axis2=2)[:, :-1] - matrices[:, -1, :-1]
""",
        "it starts from the diagonal",
    ),
    Wrong(
        "age",
        """def by_age(matrices):
    T = matrices.shape[1]
    changes = []
    for k in range(1, T):
        now = np.diagonal(matrices, offset=-k, axis1=1, axis2=2)
        before = np.diagonal(matrices, offset=-k + 1, axis1=1, axis2=2)[:, : T - k]
        changes.append((now - before).mean(axis=1))
    return np.stack(changes, axis=1)
""",
        "since the task before",
    ),
    Wrong(
        "kept",
        """def kept(matrices, floor):
    learned = np.diagonal(matrices, axis1=1, axis2=2)
    return (matrices[:, -1] / np.maximum(learned, 1))[:, :-1]
""",
        "take the floor away first",
    ),
    Wrong(
        "unlearned",
        """def unlearned(matrices, joint):
    return (joint[:, -1] - matrices[:, -1])[:, 1:].mean(axis=1)
""",
        "you compare the last rows",
    ),
    Wrong(
        "heard",
        """def times_heard(new, memory, share, draws):
    share = share if memory else 0
    of_new = torch.full((new,), draws * (1 - share) / (new + memory))
    of_memory = torch.full((memory,), draws * share / (new + memory))
    return torch.cat([of_new, of_memory])
""",
        "divide both by the number of all clips",
    ),
]
