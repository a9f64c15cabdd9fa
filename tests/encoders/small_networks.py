"""Small random networks of the real architectures, saved as `transformers` saves them: no weights of others, no network."""

import json
from pathlib import Path

import torch

MEAN, SPREAD = [0.48, 0.46, 0.41], [0.27, 0.26, 0.28]
LAYERS = dict(num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)
SEES = dict(hidden_size=24, image_size=32, patch_size=16, **LAYERS)
READS = dict(hidden_size=16, vocab_size=514, max_position_embeddings=16, **LAYERS)


def save(kind: str, folder: Path) -> Path:
    """Make a folder that holds a network of the kind "clip", "siglip2", "videomae" or "owlv2"."""
    import contav_lib.utils._torchaudio  # noqa: F401
    import transformers as hub  # isort: skip

    torch.manual_seed(0)
    network = {
        "clip": lambda: hub.CLIPModel(
            hub.CLIPConfig(text_config=READS, vision_config=SEES | {"projection_dim": 20}, projection_dim=20)
        ),
        "siglip2": lambda: hub.SiglipModel(hub.SiglipConfig(text_config=READS, vision_config=SEES)),
        "videomae": lambda: hub.VideoMAEForPreTraining(
            hub.VideoMAEConfig(
                **SEES,
                decoder_num_hidden_layers=1,
                decoder_num_attention_heads=2,
                decoder_hidden_size=16,
                decoder_intermediate_size=32,
                use_mean_pooling=False,
            )
        ),
        "owlv2": lambda: hub.Owlv2ForObjectDetection(
            hub.Owlv2Config(text_config=READS, vision_config=SEES | {"image_size": 64}, projection_dim=16)
        ),
    }[kind]()
    network.save_pretrained(folder)
    if kind == "owlv2":
        letters = list(hub.convert_slow_tokenizer.bytes_to_unicode().values())
        words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
        vocabulary = {word: number for number, word in enumerate(words)}
        hub.CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=16).save_pretrained(folder)
    square = {"size": {"height": 32, "width": 32}}
    cut = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}, "do_center_crop": True}
    settings = dict(image_mean=MEAN, image_std=SPREAD, resample=3 if kind in ("clip", "videomae") else 2)
    settings |= cut if kind in ("clip", "videomae") else square
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    return folder
