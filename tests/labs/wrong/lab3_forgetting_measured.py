"""Typical wrong answers to lab 3."""

from wrong import Wrong

WRONG = [
    Wrong(
        "forgetting_per_task",
        """def forgetting_per_task(matrices):
    return matrices[:, :-1, :-1].max(axis=1) - matrices[:, -1, :-1]
""",
        "it gives NaN",
    ),
    Wrong(
        "forgetting_per_task",
        """def forgetting_per_task(matrices):
    return np.diagonal(matrices, axis1=1, axis2=2)[:, :-1] - matrices[:, -1, :-1]
""",
        "it starts from the diagonal",
    ),
    Wrong(
        "backward_transfer_by_age",
        """def backward_transfer_by_age(matrices):
    T = matrices.shape[1]
    learned = np.diagonal(matrices, axis1=1, axis2=2)
    ages = [(np.diagonal(matrices, -k, 1, 2) - learned[:, : T - k]).mean(1) for k in range(1, T)]
    return np.stack(ages)
""",
        "it gives the shape [3, 5], where [5, 3] is asked for",
    ),
    Wrong(
        "backward_transfer_by_age",
        """def backward_transfer_by_age(matrices):
    T = matrices.shape[1]
    learned = np.diagonal(matrices, axis1=1, axis2=2)
    ages = [(np.diagonal(matrices, k, 1, 2) - learned[:, : T - k]).mean(1) for k in range(1, T)]
    return np.stack(ages, axis=1)
""",
        "lie above the diagonal",
    ),
    Wrong(
        "backward_transfer_by_age",
        """def backward_transfer_by_age(matrices):
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
        "retained_fraction",
        """def retained_fraction(matrices, floor):
    learned = np.diagonal(matrices, axis1=1, axis2=2)
    return (matrices[:, -1] / np.maximum(learned, 1))[:, :-1]
""",
        "take the floor away first",
    ),
    Wrong(
        "retained_fraction",
        """def retained_fraction(matrices, floor):
    skill = np.diagonal(matrices, axis1=1, axis2=2) - floor
    return np.clip((matrices[:, -1] - floor) / np.maximum(skill, 1), 0, 1)[:, :-1]
""",
        "are cut off",
    ),
    Wrong(
        "intransigence",
        """def intransigence(matrices, joint):
    return (joint[:, -1] - matrices[:, -1])[:, 1:].mean(axis=1)
""",
        "you compare the last rows",
    ),
    Wrong(
        "intransigence",
        """def intransigence(matrices, joint):
    behind = np.diagonal(joint - matrices, axis1=1, axis2=2)
    return behind[:, :-1].mean(axis=1)
""",
        "the newest task is left out",
    ),
    Wrong(
        "expected_draws",
        """def expected_draws(new, memory, share, draws):
    share = share if memory else 0
    of_new = torch.full((new,), draws * (1 - share) / (new + memory))
    of_memory = torch.full((memory,), draws * share / (new + memory))
    return torch.cat([of_new, of_memory])
""",
        "divide both by the number of all clips",
    ),
]
