"""Typical wrong answers to lab 4."""

from wrong import Wrong

WRONG = [
    Wrong(
        "cross_task_features",
        """def cross_task_features(new, old, is_old):
    return torch.cat([new.flatten(0, 1), old.flatten(0, 1)])
""",
        "It knows nothing of new classes",
    ),
    Wrong(
        "positive_mask",
        """def positive_mask(numbers, is_old):
    numbers = numbers.flatten()
    return numbers[:, None] == numbers[None, :]
""",
        "have a second row, which is missing",
    ),
    Wrong(
        "positive_mask",
        """def positive_mask(numbers, is_old):
    of_rows = torch.cat([numbers.flatten(), numbers[is_old]])
    alike = torch.zeros(len(of_rows), len(of_rows), dtype=torch.bool)
    for row in range(len(of_rows)):
        for column in range(len(of_rows)):
            alike[row, column] = of_rows[row] == of_rows[column]
    return alike
""",
        "loop",
    ),
    Wrong(
        "cross_modal_loss",
        """def cross_modal_loss(features, positives, temperature=0.05):
    unit = normalize(features, dim=2)
    log_probabilities = (torch.einsum("ard,bsd->abrs", unit, unit) / temperature).log_softmax(-1)
    return (-(log_probabilities * positives).sum(-1) / positives.sum(1)).mean()
""",
        "each modality is compared with itself",
    ),
    Wrong(
        "cross_modal_loss",
        """def cross_modal_loss(features, positives, temperature=0.05):
    unit = normalize(features, dim=2)
    log_probabilities = (torch.einsum("ard,bsd->abrs", unit, unit) / temperature).log_softmax(-1)
    others = ~torch.eye(len(features), dtype=torch.bool)
    return -log_probabilities[others][:, positives].mean()
""",
        "all positive pairs count alike",
    ),
    Wrong(
        "lowest_and_chance_loss",
        """def lowest_and_chance_loss(positives):
    return torch.tensor([0.0, np.log(len(positives))], dtype=torch.float32)
""",
        "0 can't be reached",
    ),
    Wrong(
        "crosssdc_terms",
        """def crosssdc_terms(new, old, is_old, classes, videos, temperature=0.05):
    rows = torch.stack([rows_kit(*pair, is_old) for pair in zip(new, old)])
    alike = positives_kit(videos, is_old), positives_kit(classes, is_old)
    return torch.stack([loss_kit(rows, each) for each in alike])
""",
        "is not passed on",
    ),
    Wrong(
        "paired_interval",
        """def paired_interval(mine, other):
    difference = mine - other
    half = 1.96 * difference.std(ddof=1) / np.sqrt(len(difference))
    return np.array([difference.mean() - half, difference.mean() + half])
""",
        "1.96 is for many seeds",
    ),
]
