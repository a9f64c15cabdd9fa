"""The contract of a separator as checks that anybody can run on a separator of their own.

check_separator(lambda num_classes: MySeparator(num_classes, MyConfig(width=8)))

Each check is a short function; the first line of its docstring says what it asks for.
"""

import copy
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, is_dataclass, replace
from functools import partial
from pathlib import Path

import torch

from contav_lib.audio import loss_weights, ratio_masks
from contav_lib.continual.tasks import Task
from contav_lib.encoders.contract import ContractBroken, need
from contav_lib.encoders.encoder import MOTION_SIZE, OBJECT_SIZE
from contav_lib.losses import total
from contav_lib.mixtures.batch import Batch
from contav_lib.separators.separator import Separator, SeparatorOutput, load_separator, old_rows, save_separator
from contav_lib.utils.registry import SEPARATORS

CLASSES = 4  # what a separator is made for here; it grows to 6
Make = Callable[[int], Separator]  # number of classes -> a fresh separator
MakeBatch = Callable[..., Batch]


def check_separator(
    make: Make,
    methods: Mapping[str, Callable] | None = None,
    bins: int = 64,
    frames: int = 32,
    object_dim: int = OBJECT_SIZE,
    motion_dim: int = MOTION_SIZE,
) -> dict[str, str]:
    """Run all contract checks on small random mixtures.

    Args:
        make: gives a fresh separator for a number of classes.
        methods: method classes by name; each must be able to teach the separator.
        bins, frames: size F x T of the mixtures.
        object_dim, motion_dim: values of the features that stand for the pictures.

    Returns:
        The checks passed, by name, and what each asks for. The one on the GPU is missing where there is none.

    Raises:
        ContractBroken: for the first check that fails.
    """
    some_batch = partial(make_batch, (bins, frames, object_dim, motion_dim))
    checks = CHECKS | ({"GPU": on_the_gpu} if torch.cuda.is_available() else {})
    checks |= {f"method {name}": partial(taught_by, method) for name, method in (methods or {}).items()}
    for name, check in checks.items():
        with torch.random.fork_rng():
            torch.manual_seed(0)
            try:
                check(make, some_batch)
            except Exception as error:  # whatever a separator under construction may raise
                kind = "" if isinstance(error, ContractBroken) else f"{type(error).__name__}: "
                raise ContractBroken(f"The contract check {name!r} fails: {kind}{error}") from error
    return {name: (getattr(check, "func", check).__doc__ or "").split("\n")[0] for name, check in checks.items()}


def saved_settings(make: Make, some_batch: MakeBatch) -> None:
    """It is a registered `Separator` whose `num_classes` and `config` make another one of the same sizes."""
    separator = make(CLASSES)
    need(isinstance(separator, Separator), f"{type(separator).__name__} is no subclass of Separator.")
    name = getattr(separator, "name", "")
    registered = SEPARATORS.get(name) is type(separator)
    need(registered, f"write @register_separator(...) above the class {type(separator).__name__}.")
    need(
        separator.num_classes == CLASSES,
        f"num_classes={separator.num_classes}, but it was made for {CLASSES}. Pass it to super().__init__.",
    )
    settings = type(separator).config_class
    need(is_dataclass(settings), f"write @dataclass(frozen=True) above the class {settings.__name__}.")
    kept = json.loads(json.dumps(asdict(separator.config)))
    again = type(separator)(CLASSES, settings(**kept))
    need(sizes(again) == sizes(separator), f"made again with {separator.config}, it has weights of other sizes.")


def shapes(make: Make, some_batch: MakeBatch, mixtures: int = 3, sources: int = 2) -> None:
    """Masks `[B, N, F, T]` in 0 .. 1; features `[B, N, D]` of one D, with all that `modality_pairs` names; maps `[B, ...]`."""
    separator, batch = make(CLASSES), some_batch(mixtures, sources)
    for mode in (True, False):
        answer = ask(separator.train(mode), batch)
        expected = batch.ratio_masks.shape
        need(answer.masks.shape == expected, f"masks are {list(answer.masks.shape)}, not {list(expected)}.")
        need(
            bool(((answer.masks >= 0) & (answer.masks <= 1)).all()),
            f"masks lie in {answer.masks.min():.3g} .. {answer.masks.max():.3g}, not in 0 .. 1.",
        )
        found = {name: list(value.shape) for name, value in answer.features.items()}
        named = {"audio", "object"} | {modality for pair in separator.modality_pairs for modality in pair}
        need(named <= found.keys(), f"there are features {sorted(found)}; needed are {sorted(named)}.")
        alike = all(len(value) == 3 and value[:2] == [mixtures, sources] for value in found.values())
        need(
            alike and len({tuple(value) for value in found.values()}) == 1,
            f"features are {found}; all must be [{mixtures}, {sources}, D] of the same D.",
        )
        rows = [len(part) for part in answer.intermediate]
        need(
            bool(rows) and set(rows) == {mixtures},
            f"intermediate maps have {rows} rows; each must have one a mixture, {mixtures}, and there must be some.",
        )


def number_of_sources(make: Make, some_batch: MakeBatch) -> None:
    """Mixtures of 1, 2, 3 or 4 sources are answered alike."""
    for sources in (1, 2, 3, 4):
        shapes(make, some_batch, sources=sources)


def batch_of_one(make: Make, some_batch: MakeBatch) -> None:
    """A single mixture of a single source can be learned from and answered."""
    shapes(make, some_batch, mixtures=1, sources=1)


def order_of_sources(make: Make, some_batch: MakeBatch) -> None:
    """Asked for its sources in another order, it gives the same answers in that order."""
    separator, batch = make(CLASSES).eval(), some_batch(3, 3)
    order = torch.tensor([2, 0, 1])
    visual = {name: value[:, order] for name, value in batch.visual.items()}
    before = ask(separator, batch)
    after = ask(separator, replace(batch, visual=visual, classes=batch.classes[:, order]))
    close(after.masks, before.masks[:, order], 1e-4, "masks depend on the order of the sources")
    for name, value in before.features.items():
        close(after.features[name], value[:, order], 1e-3, f"the feature {name!r} depends on the order of the sources")


def mixtures_apart(make: Make, some_batch: MakeBatch) -> None:
    """In eval mode, the answer about a mixture does not depend on the others in the batch."""
    separator, batch = make(CLASSES).eval(), some_batch(3)
    together = ask(separator, batch).masks
    alone = torch.cat([ask(separator, batch[row : row + 1]).masks for row in range(3)])
    close(alone, together, 1e-4, "masks of a mixture change with the other mixtures in the batch")


def picture(make: Make, some_batch: MakeBatch) -> None:
    """Other pictures give other masks: what is seen decides which sound is answered."""
    separator, batch = make(CLASSES).eval(), some_batch()
    visual = {name: value.roll(1, 1) for name, value in batch.visual.items()}
    change = (ask(separator, batch).masks - ask(separator, replace(batch, visual=visual)).masks).abs().max()
    need(bool(change > 0), "with the sources' pictures swapped, all masks stay the same.")


def growth(make: Make, some_batch: MakeBatch) -> None:
    """`grow` adds classes, keeps all old weights bit for bit, and draws new ones from the generator it is given."""
    separator, twin = make(CLASSES), make(CLASSES)
    twin.load_state_dict(separator.state_dict())
    old = copy.deepcopy(separator.state_dict())
    for one in (separator, twin):
        one.grow(CLASSES + 2, torch.Generator().manual_seed(1))
    new = separator.state_dict()
    need(new.keys() == old.keys(), f"weights came or went: {sorted(new.keys() ^ old.keys())}.")
    for name, value in old.items():
        need(torch.equal(old_rows(new[name], value.shape), value), f"growing changed the old weights of {name!r}.")
        same = torch.equal(new[name], twin.state_dict()[name])
        need(same, f"the same generator gave other new weights for {name!r}.")
    need(separator.num_classes == CLASSES + 2, f"num_classes is {separator.num_classes} after grow({CLASSES + 2}).")
    again = type(separator)(CLASSES + 2, separator.config)
    need(sizes(again) == sizes(separator), f"a fresh one of {CLASSES + 2} classes has weights of other sizes.")
    batch = some_batch(classes=CLASSES + 2, memory=CLASSES)  # the second source of each mixture is of a new class
    ask(separator.train(), batch)


def parameter_groups(make: Make, some_batch: MakeBatch) -> None:
    """`parameter_groups` holds every parameter once, under 'unet' and 'predictor', also after growing."""
    separator = make(CLASSES)
    separator.grow(CLASSES + 2)
    groups = separator.parameter_groups()
    need(groups.keys() == {"unet", "predictor"}, f"the groups are {sorted(groups)}, not 'predictor' and 'unet'.")
    listed = [id(parameter) for group in groups.values() for parameter in group]
    need(len(listed) == len(set(listed)), "a parameter stands there twice.")
    missing = [name for name, parameter in separator.named_parameters() if id(parameter) not in listed]
    need(not missing, f"{', '.join(missing[:3])} would never be trained: put them into a group.")


def gradients(make: Make, some_batch: MakeBatch) -> None:
    """A gradient reaches every weight, from the separator's own losses and the features together."""
    separator, batch = make(CLASSES).train(), some_batch(4)
    answer = ask(separator, batch)
    own = total(separator.losses(batch, answer))
    whole = own + sum((value - torch.randn_like(value)).square().mean() for value in answer.features.values())
    whole.backward()
    trained = {name: weight for name, weight in separator.named_parameters() if weight.requires_grad}
    without = [name for name, weight in trained.items() if weight.grad is None or not weight.grad.any()]
    need(not without, f"no gradient reaches {', '.join(without[:3])}.")


def losses(make: Make, some_batch: MakeBatch) -> None:
    """`losses` gives numbers by name, and looks at the batch's own sources only when a method asked about more."""
    separator, batch = make(CLASSES).eval(), some_batch()
    terms = separator.losses(batch, ask(separator, batch))
    more = batch.with_query(torch.zeros(len(batch.classes), dtype=torch.long))
    for name, value in separator.losses(more, ask(separator, more)).items():
        close(value, terms[name], 1e-4, f"the loss {name!r} counts an additional question")


def silence(make: Make, some_batch: MakeBatch) -> None:
    """Silent mixtures and pixels give finite answers, losses and gradients."""
    separator, batch = make(CLASSES).train(), some_batch()
    mixture = batch.mixture.clone()
    mixture[0], mixture[1, :, ::2] = 0, 0
    learn(separator, replace(batch, mixture=mixture, weights=loss_weights(mixture)))


def bfloat16(make: Make, some_batch: MakeBatch) -> None:
    """Under bfloat16 autocast, answers, losses and gradients are finite and the masks nearly the same."""
    separator, batch = make(CLASSES).eval(), some_batch()
    exact = ask(separator, batch).masks
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = ask(separator, batch).masks
    off = (rough.float() - exact).abs().mean()
    need(bool(off < 0.02), f"masks are off by {off:.2g} on average.")
    learn(separator.train(), batch, torch.autocast("cpu", dtype=torch.bfloat16))


def saving(make: Make, some_batch: MakeBatch) -> None:
    """Saved and loaded, also after growing, it answers the same to the last bit."""
    separator, batch = make(CLASSES).train(), some_batch()
    ask(separator, batch)  # moves running statistics
    separator.grow(CLASSES + 2)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "separator.safetensors"
        save_separator(path, separator, [f"class {number}" for number in range(CLASSES + 2)])
        loaded = load_separator(path)
    same = torch.equal(ask(loaded, batch).masks, ask(separator.eval(), batch).masks)
    need(same, "loaded again, it gives other masks: something it knows is neither a parameter nor a buffer.")


def on_the_gpu(make: Make, some_batch: MakeBatch) -> None:
    """The GPU gives the CPU's masks."""
    separator, batch = make(CLASSES).eval(), some_batch()
    here = ask(separator, batch).masks
    visual = {name: value.cuda() for name, value in batch.visual.items()}
    there = separator.cuda()(batch.mixture.cuda(), visual, batch.classes.cuda()).masks
    close(there.cpu(), here, 5e-3, "masks on the GPU are not the CPU's")


def taught_by(method_class: Callable, make: Make, some_batch: MakeBatch) -> None:
    """The method can teach it: one step in each of two tasks, with finite losses and gradients."""
    separator, method = make(CLASSES), method_class()
    tasks = [
        Task(0, tuple(range(CLASSES)), tuple(range(CLASSES)), (0, 1), (), kept=(0, 1)),
        Task(1, (CLASSES, CLASSES + 1), tuple(range(CLASSES + 2)), (2, 3), (0, 1), kept=(0, 1, 2, 3)),
    ]
    for task in tasks:
        old = len(task.seen) - len(task.classes)
        batch = some_batch(classes=len(task.seen), memory=old)
        method.begin_task(task, separator)
        separator.grow(len(task.seen), torch.Generator().manual_seed(0))
        method.after_growing(task, separator.train())
        asked = method.on_batch(batch)
        answer = ask(separator, asked)
        backward(separator, separator.losses(asked, answer) | method.losses(asked, answer))
        torch.optim.SGD(separator.parameters(), lr=1e-3).step()
        separator.zero_grad()
        method.after_step(separator, lambda number, batch=batch: batch)
        method.end_task(task, separator, lambda number, batch=batch: batch, lambda number, batch=batch: batch)


CHECKS: dict[str, Callable[[Make, MakeBatch], None]] = {
    check.__name__.replace("_", " "): check
    for check in (
        saved_settings, shapes, number_of_sources, batch_of_one, order_of_sources, mixtures_apart, picture, growth,
        parameter_groups, gradients, losses, silence, bfloat16, saving,
    )
}  # fmt: skip


def make_batch(
    sizes: tuple[int, int, int, int], mixtures: int = 2, sources: int = 2, classes: int = CLASSES, memory: int = 0
) -> Batch:
    """Random mixtures; the first source of each is of one of the `memory` old classes, if there are any."""
    bins, frames, object_dim, motion_dim = sizes
    magnitudes = torch.rand(mixtures, sources, bins, frames).square()
    mixture = magnitudes.sum(1, keepdim=True)
    numbers = torch.rand(mixtures, classes - memory).argsort(1)[:, :sources] + memory
    numbers = numbers.repeat(1, sources)[:, :sources]  # fewer classes than sources: classes come again
    is_old_class = torch.zeros(mixtures, sources, dtype=torch.bool)
    if memory:
        numbers[:, 0], is_old_class[:, 0] = torch.randint(memory, (mixtures,)), True
    return Batch(
        mixture=mixture,
        ratio_masks=ratio_masks(magnitudes, mixture),
        weights=loss_weights(mixture),
        visual={
            "object": torch.randn(mixtures, sources, object_dim),
            "motion": torch.randn(mixtures, sources, motion_dim, 8),
            "motion_mask": torch.zeros(mixtures, sources, 8, dtype=torch.bool),
        },
        classes=numbers,
        videos=torch.arange(mixtures * sources).reshape(mixtures, sources),
        is_old_class=is_old_class,
    )


def ask(separator: Separator, batch: Batch) -> SeparatorOutput:
    """Answer of a separator about a batch, all of it finite."""
    answer = separator(batch.mixture, batch.visual, batch.classes)
    for name, value in {"masks": answer.masks, **answer.features}.items():
        need(bool(value.isfinite().all()), f"{name!r} holds values that are infinite or not a number.")
    return answer


def learn(separator: Separator, batch: Batch, precision: torch.autocast | None = None) -> None:
    """Forward, losses and backward, all of them finite."""
    with precision or torch.autocast("cpu", enabled=False):
        answer = ask(separator, batch)
    backward(separator, separator.losses(batch, answer))


def backward(separator: Separator, terms: Mapping[str, torch.Tensor]) -> None:
    """Compute the gradients; each loss is one finite number, and each gradient there is, is finite."""
    for name, value in terms.items():
        need(value.ndim == 0 and bool(value.isfinite()), f"the loss {name!r} is {value}, not a finite number.")
    total(terms).backward()
    for name, parameter in separator.named_parameters():
        fine = parameter.grad is None or bool(parameter.grad.isfinite().all())
        need(fine, f"the gradient of {name!r} is infinite or not a number.")


def sizes(separator: Separator) -> dict[str, torch.Size]:
    """Shapes of all weights and buffers, by name."""
    return {name: value.shape for name, value in separator.state_dict().items()}


def close(found: torch.Tensor, expected: torch.Tensor, tolerance: float, what: str) -> None:
    """Ask that no value is off by more than the tolerance; `what` says what is wrong otherwise."""
    off = (found - expected).abs().max()
    need(bool(off <= tolerance), f"{what} (by up to {off:.2g}).")
