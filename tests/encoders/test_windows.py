"""What is seen in each place of a picture."""

import pytest
import torch

from contav_lib.encoders.tiny import TinyEncoder
from contav_lib.encoders.windows import feature_map


class Brightness:
    """An encoder whose features are the mean of red, and the size of what it looks at."""

    def objects(self, frames):
        size = torch.tensor(frames.shape[1:3]).expand(len(frames), 2)
        return torch.cat([frames[..., :1].float().mean((1, 2)), size], 1)


def test_windows_slide_from_border_to_border():
    frames = torch.zeros(2, 8, 20, 3, dtype=torch.uint8)
    frames[1, :, :, 0] = torch.arange(20)
    features = feature_map(Brightness(), frames, (8, 4), (1, 5))
    assert features.shape == (2, 3, 1, 5)
    assert not features[0, 0].any() and features[1, 0, 0].tolist() == [1.5, 5.5, 9.5, 13.5, 17.5]
    assert (features[:, 1] == 8).all() and (features[:, 2] == 4).all()


def test_a_window_as_large_as_the_picture_sees_the_picture():
    frames = torch.randint(0, 255, (3, 60, 80, 3), dtype=torch.uint8)
    encoder = TinyEncoder()
    assert torch.allclose(
        feature_map(encoder, frames, (60, 80), (1, 1))[:, :, 0, 0], encoder.objects(frames), atol=1e-4
    )


def test_a_window_larger_than_the_picture_is_refused():
    with pytest.raises(ValueError, match="61 x 80 pixels doesn't fit into pictures of 60 x 80"):
        feature_map(Brightness(), torch.zeros(1, 60, 80, 3, dtype=torch.uint8), (61, 80), (1, 1))
