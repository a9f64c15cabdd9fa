"""Speed of each step from a video to a prepared clip: `python tests/benchmarks/bench_prepare.py [encoder ...]`.

The clip is ten seconds of 640 x 360 pixels, 25 pictures a second, as videos of MUSIC are. Printed are clips in a second of one
core: processor time, which others on the machine disturb least. Weights that are not at hand are random ones of the real size:
as slow, and good for nothing else. "owlv2+clip+videomae" takes minutes on a processor.
"""

import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import torch

from contav_lib import media
from contav_lib.datasets import prepare
from contav_lib.datasets.clip import Clip
from contav_lib.datasets.packed import Pack
from contav_lib.datasets.watching import Watch
from contav_lib.encoders.encoder import make_encoder
from contav_lib.utils.registry import encoder_parts

ENCODERS = ["tiny", "imagenet", "clip+videomae"]
STEPS = ("decode sound", "sample pictures", "watch motion", "detect and crop", "objects", "motion", "write", "in all")
SECONDS, SIZE, RATE = 10, (360, 640), 22_050
SHORTEST = 2.0  # seconds of processor time that an encoder is measured for, at least


def film(path: Path) -> None:
    """Shades that move sideways under a tone."""
    shades = np.random.default_rng(0).normal(size=(SIZE[0], SIZE[1] + 25 * SECONDS, 3)).cumsum(0).cumsum(1)
    shades = (255 * (shades - shades.min()) / np.ptp(shades)).astype(np.uint8)
    pictures = np.stack([shades[:, start : start + SIZE[1]] for start in range(25 * SECONDS)])
    path.parent.mkdir(parents=True)
    media.write_video(path, 0.5 * np.sin(np.arange(SECONDS * RATE) / 10), RATE, pictures, 25.0)


def with_weights(encoder: str, folder: Path) -> str:
    """The encoder's name, with a folder of random weights for each part that has none here."""
    names = []
    for name in encoder.split("+"):
        part, place = next(pair for pair in encoder_parts(encoder).values() if pair[0].name == name)
        if hasattr(part, "at_hand") and not part.at_hand(place):
            name = f"{name}:{random_weights(part, folder / name)}"
        names.append(name)
    return "+".join(names)


def random_weights(part: type, folder: Path) -> Path:
    """A folder with a network of a part's kind and usual size."""
    if not folder.exists():
        import contav_lib.utils._torchaudio  # noqa: F401
        import transformers  # isort: skip

        network = getattr(transformers, part.network_class)
        network(network.config_class()).save_pretrained(folder)
        (folder / "preprocessor_config.json").write_text(json.dumps(dict(image_mean=[0.5] * 3, image_std=[0.25] * 3)))
        if part.name == "owlv2":
            letters = [chr(number) for number in range(33, 127)]
            words = {word: place for place, word in enumerate([*letters, *(f"{letter}</w>" for letter in letters)])}
            vocabulary = {**words, "<|startoftext|>": len(words), "<|endoftext|>": len(words) + 1}
            transformers.CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=16).save_pretrained(folder)
    return folder


def measured(encoder: str, path: Path, cache: Path) -> dict[str, float]:
    """Clips in a second of one core, by step."""
    made, spent, clips = make_encoder(encoder), Counter(), 0

    def timed(step, work):
        def timing(*arguments, **options):
            start = time.process_time()
            try:
                return work(*arguments, **options)
            finally:
                spent[step] += time.process_time() - start

        return timing

    def each(step, iterator):
        """The same, for what comes one after another."""
        following = timed(step, iterator.__next__)
        while True:
            try:
                yield following()
            except StopIteration:
                return

    class TimedWatch(Watch):
        def motion(self, pictures):
            return each("watch motion", super().motion(pictures))

    for step, name in (("detect and crop", "crop"), ("objects", "objects"), ("motion", "motion")):
        setattr(made, name, timed(step, getattr(made, name)))
    read_audio, each_picture, append, watch = media.read_audio, media.each_picture, Pack.append, prepare.Watch
    media.read_audio = timed("decode sound", read_audio)
    media.each_picture = lambda *arguments: each("sample pictures", each_picture(*arguments))
    Pack.append, prepare.Watch = timed("write", append), TimedWatch
    try:
        clip = Clip("tone/film", "tone", "train", path)
        start = time.process_time()
        while (total := time.process_time() - start) < SHORTEST:
            prepare.prepare([clip], made, cache / f"{encoder.replace('/', '_')}-{clips}", workers=1, progress=False)
            clips += 1
    finally:
        media.read_audio, media.each_picture, Pack.append, prepare.Watch = read_audio, each_picture, append, watch
    spent["watch motion"] -= spent["sample pictures"]  # which it asks for pictures
    spent["in all"] = total
    return {step: clips / spent[step] for step in STEPS if spent[step] > 1e-4 * total}


def main(encoders: list[str]) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        film(folder / "tone/film.mp4")
        columns = {
            encoder: measured(with_weights(encoder, folder), folder / "tone/film.mp4", folder) for encoder in encoders
        }
    print(f"{'clips in a second of one core':30}" + "".join(f"{encoder:>22}" for encoder in encoders))
    for step in STEPS:
        print(
            f"{step:30}"
            + "".join(f"{rates[step]:22.3g}" if step in rates else f"{'-':>22}" for rates in columns.values())
        )


if __name__ == "__main__":
    main(sys.argv[1:] or ENCODERS)
