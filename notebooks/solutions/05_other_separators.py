"""Solutions of the code exercises of notebook 05."""

from torch.nn.functional import normalize

from contav_lib.teaching.check import check


def recognise(looks, prototypes, thresholds):
    """Nearest prototype by cosine; -1 where its class's threshold is not reached."""
    best, nearest = (normalize(looks, dim=1) @ prototypes.T).max(1)
    return nearest.where(best >= thresholds[nearest], -1)


def film(maps, change):
    """Scale and shift each channel; all zeros change nothing."""
    scale, shift = change[:, :, None, None].chunk(2, dim=1)
    return maps * (1 + scale) + shift


print(check("recognition by prototypes", recognise))
print(check("FiLM layer", film))
