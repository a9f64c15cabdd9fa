"""The contract: the kit's separators keep it, and whoever fails a check is told which."""

import re
from dataclasses import dataclass
from functools import partial

import pytest
import torch
from small_separators import NAMES, SIZES, make
from torch import nn

from contav_lib.methods.method import method_class
from contav_lib.separators import Separator, SeparatorOutput, register_separator
from contav_lib.separators.contract import CHECKS, ContractBroken, check_separator
from contav_lib.utils.registry import METHODS

pytestmark = pytest.mark.slow

method_class("finetune")  # so that the methods that come with the kit are registered
COME_WITH_THE_KIT = {name: cls for name, cls in METHODS.items() if cls.__module__.startswith("contav_lib")}


@pytest.mark.parametrize("name", NAMES)
def test_the_kits_separators_keep_it_with_all_methods(name):
    queries = type(make(name)).class_queries
    methods = {key: cls for key, cls in COME_WITH_THE_KIT.items() if queries or not cls.needs_queries}
    asking = {
        f"{key} that asks {old_queries}": partial(METHODS[key], old_queries=old_queries)
        for key in ("lwf", "plop", "ewf")
        for old_queries in ("plain", "new_picture", "prototype")
    }
    kept = check_separator(lambda num_classes: make(name, num_classes), methods | asking)
    assert kept.keys() - {"GPU"} == CHECKS.keys() | {f"method {name}" for name in methods | asking}
    assert ("freeze" in methods) == queries
    assert all(len(what) > 20 for what in kept.values())


def test_the_three_separators_are_there():
    assert SIZES.keys() <= set(NAMES)


@dataclass(frozen=True)
class PlainConfig:
    width: int = 4
    object_dim: int = 512


class Plain(Separator):
    """The smallest separator that keeps the contract: one convolution, and a weight a channel from picture and class."""

    config_class = PlainConfig

    def __init__(self, num_classes: int, config: PlainConfig | None = None):
        super().__init__(num_classes, config)
        width = self.config.width
        self.listen = nn.Conv2d(1, width, 3, padding=1)
        self.look = nn.Linear(self.config.object_dim, width)
        self.queries = nn.Embedding(num_classes, width)
        self.sound = nn.Linear(width, width)

    def forward(self, mixture, visual, classes):
        maps = self.hear(mixture).relu()
        objects = self.look(visual["object"])
        weights = self.weigh(objects, classes)
        masks = self.form_masks(torch.einsum("bnc,bcft->bnft", weights, maps))
        return SeparatorOutput(masks, {"audio": self.sound(weights), "object": objects}, [maps])

    def hear(self, mixture):
        return self.listen(torch.log1p(mixture))

    def weigh(self, objects, classes):
        return objects + self.queries(classes)

    def form_masks(self, logits):
        return logits.sigmoid()

    def parameter_groups(self):
        predictor = [parameter for name, parameter in self.named_parameters() if not name.startswith("listen.")]
        return {"unet": list(self.listen.parameters()), "predictor": predictor}

    def _grow(self, num_classes, generator):
        old = self.queries.weight.detach()
        fresh = torch.randn(num_classes - len(old), old.shape[1], generator=generator)
        self.queries = nn.Embedding.from_pretrained(torch.cat([old, fresh]), freeze=False)


class WithoutItsWidth(Plain):
    def __init__(self, num_classes, config=None):
        super().__init__(num_classes, config)
        self.config = PlainConfig()


class MasksOfAnySize(Plain):
    def form_masks(self, logits):
        return logits


class FeaturesOfTwoWidths(Plain):
    def forward(self, mixture, visual, classes):
        answer = super().forward(mixture, visual, classes)
        answer.features["object"] = torch.cat([answer.features["object"]] * 2, -1)
        return answer


class NothingToDistil(Plain):
    def forward(self, mixture, visual, classes):
        answer = super().forward(mixture, visual, classes)
        return SeparatorOutput(answer.masks, answer.features)


class TwoSourcesOnly(Plain):
    def form_masks(self, logits):
        return logits[:, :2].sigmoid()


class NormOverSources(Plain):
    def __init__(self, num_classes, config=None):
        super().__init__(num_classes, config)
        self.norm = nn.BatchNorm1d(self.config.width)

    def weigh(self, objects, classes):
        return self.norm(super().weigh(objects, classes).flatten(0, 1)).unflatten(0, classes.shape)


class OneAfterTheOther(Plain):
    def weigh(self, objects, classes):
        return super().weigh(objects, classes).cumsum(1)


class HearsTheWholeBatch(Plain):
    def form_masks(self, logits):
        return (logits - logits.mean(0)).sigmoid()


class Blind(Plain):
    def weigh(self, objects, classes):
        return self.queries(classes)


class ForgetsOldClasses(Plain):
    def _grow(self, num_classes, generator):
        self.queries = nn.Embedding(num_classes, self.queries.embedding_dim)


class GrowsByChance(Plain):
    def _grow(self, num_classes, generator):
        super()._grow(num_classes, None)


class LeavesAPartOut(Plain):
    def parameter_groups(self):
        return {"unet": list(self.listen.parameters()), "predictor": list(self.sound.parameters())}


class IdlePart(Plain):
    def __init__(self, num_classes, config=None):
        super().__init__(num_classes, config)
        self.idle = nn.Linear(2, 2)


class CountsAllMasks(Plain):
    def losses(self, batch, separation):
        return super().losses(batch, separation) | {"sparse": separation.masks.square().sum()}


class LogarithmOfNothing(Plain):
    def hear(self, mixture):
        return self.listen(torch.log(mixture))


class LosesDigits(Plain):
    def form_masks(self, logits):
        return ((logits + 1000) - 1000).sigmoid()


class KnowsSomethingByHeart(Plain):
    def __init__(self, num_classes, config=None):
        super().__init__(num_classes, config)
        self.shift = torch.rand(1)

    def form_masks(self, logits):
        return (logits + self.shift).sigmoid()


class KeepsItsLastAnswer(Plain):
    def form_masks(self, logits):
        self.last = logits  # a part of the last step's graph, which can't be copied
        return logits.sigmoid()


class StaysOnTheCPU(KnowsSomethingByHeart):
    pass


def check(cls: type[Separator], **options) -> dict[str, str]:
    config = PlainConfig(**options)
    return check_separator(lambda num_classes: cls(num_classes, config), {"contav": METHODS["contav"]})


@pytest.mark.parametrize(
    ("cls", "name", "message"),
    [
        (WithoutItsWidth, "saved settings", r"made again with PlainConfig\(width=4, .*, it has weights of other sizes"),
        (MasksOfAnySize, "shapes", "masks lie in .*, not in 0 .. 1"),
        (FeaturesOfTwoWidths, "shapes", r"features are .*'object': \[3, 2, 16\].*of the same D"),
        (NothingToDistil, "shapes", r"intermediate maps have \[\] rows"),
        (TwoSourcesOnly, "number of sources", r"masks are \[3, 2, 64, 32\], not \[3, 3, 64, 32\]"),
        (NormOverSources, "batch of one", "ValueError: Expected more than 1 value per channel"),
        (OneAfterTheOther, "order of sources", "masks depend on the order of the sources"),
        (HearsTheWholeBatch, "mixtures apart", "masks of a mixture change with the other mixtures"),
        (Blind, "picture", "with the sources' pictures swapped, all masks stay the same"),
        (ForgetsOldClasses, "growth", "growing changed the old weights of 'queries.weight'"),
        (GrowsByChance, "growth", "the same generator gave other new weights for 'queries.weight'"),
        (LeavesAPartOut, "parameter groups", "look.weight, look.bias, queries.weight would never be trained"),
        (IdlePart, "gradients", "no gradient reaches idle.weight, idle.bias"),
        (CountsAllMasks, "losses", "the loss 'sparse' counts an additional question"),
        (LogarithmOfNothing, "silence", "'masks' holds values that are infinite or not a number"),
        (LosesDigits, "bfloat16", "masks are off by"),
        (KnowsSomethingByHeart, "saving", "something it knows is neither a parameter nor a buffer"),
        (KeepsItsLastAnswer, "method contav", "RuntimeError: Only Tensors created explicitly by the user"),
        pytest.param(
            StaysOnTheCPU,
            "GPU",
            "same device",
            marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU"),
        ),
    ],
)
def test_a_check_that_fails_is_named(cls, name, message, monkeypatch):
    register_separator(cls.__name__)(cls)
    if name == "GPU":
        monkeypatch.delitem(CHECKS, "saving")  # the same fault breaks this one before
    with pytest.raises(ContractBroken, match=rf"^The contract check {re.escape(repr(name))} fails: .*{message}"):
        check(cls, width=8)


def test_a_separator_of_ones_own_keeps_it():
    register_separator("Plain")(Plain)
    assert {"shapes", "method contav"} <= check(Plain, width=8).keys()


def test_one_that_is_not_registered_is_told_how():
    with pytest.raises(ContractBroken, match=r"'saved settings' fails: write @register_separator"):
        check(Plain)


def test_what_is_no_separator_is_refused():
    with pytest.raises(ContractBroken, match=r"'saved settings' fails: Linear is no subclass of Separator"):
        check_separator(lambda num_classes: nn.Linear(num_classes, 1))


def test_the_check_leaves_chance_alone():
    register_separator("Plain")(Plain)
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    check(Plain)
    assert torch.equal(torch.rand(2), expected)
