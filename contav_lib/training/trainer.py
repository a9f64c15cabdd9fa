"""The training loop: forward, losses, backward, step, record; with checkpoints that a crash can't hurt.

Every random choice is a function of the seed, the task and the step, so a run that was stopped and resumed ends with the
same weights, bit for bit on the CPU, as one that never was.
"""

import time
from dataclasses import dataclass, field, replace
from functools import partial
from math import ceil, isnan
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from contav_lib.continual.tasks import Task
from contav_lib.evaluation.evaluate import validation_sdr
from contav_lib.losses import total
from contav_lib.methods import Method
from contav_lib.mixtures.batch import Batch, MixtureSpec
from contav_lib.mixtures.clip_store import ClipStore
from contav_lib.mixtures.sampler import Sampler
from contav_lib.separators import Separator, SeparatorOutput, forward_batch, load_weights
from contav_lib.training.distributed import average_step, synchronise_norms, whole_batches
from contav_lib.training.history import History, TermRecorder
from contav_lib.training.optimizers import Optimizers
from contav_lib.utils.ranks import agreed
from contav_lib.utils.storage import StorageError, file_errors, load_tensors, save_tensors, with_prefix, without_prefix
from contav_lib.utils.time_limit import Stopped, time_is_over

if TYPE_CHECKING:
    from contav_lib.config import Config


class NonFiniteLoss(FloatingPointError):
    """A loss term or a gradient became infinite or NaN; the message names step, term and clips."""


class DamagedProgress(StorageError):
    """What was kept of the task at hand can't be read; the task must begin anew, with a new separator and method."""


@dataclass
class Best:
    """The weights with the highest validation SDR so far, or the last ones (`Config.select_on`)."""

    sdr: float = float("-inf")
    weights: dict[str, torch.Tensor] = field(default_factory=dict)


class Trainer:
    """Teaches a separator, as it is before a task (`learn` grows it), by a method.

    `progress.safetensors` in the folder is the state of the task at hand; the history takes the records.
    """

    def __init__(
        self,
        config: "Config",
        separator: Separator,
        method: Method,
        train: ClipStore,
        validation: ClipStore,
        folder: Path,
        history: History,
    ):
        self.config, self.separator, self.method = config, separator, method
        self.train, self.validation = train, validation
        self.progress_file, self.history = folder / "progress.safetensors", history

    def learn(self, task: Task, validation: MixtureSpec) -> None:
        """Train on one task, from its start or from where the last checkpoint left it; keep the best weights.

        Args:
            validation: fixed validation mixtures, by which the best weights are chosen.

        Raises:
            NonFiniteLoss: a loss term or a gradient is infinite or NaN.
            StorageError: a checkpoint can't be written (the one before is whole).
            DamagedProgress: the last one is damaged.
            Stopped: a `time_limit` is over; there is a checkpoint of the last record.
        """
        config = self.config
        synchronise_norms(self.separator, self.train.device)
        self.method.begin_task(task, self.separator)
        self.separator.grow(len(task.seen), torch.Generator().manual_seed(config.seed * 1_000 + task.index))
        self.separator.to(self.train.device).train()
        self.method.after_growing(task, self.separator)
        if config.compile:
            torch.compiler.reset()  # what was compiled for other tasks counts against torch's limit
            self.separator.compile()
        sampler = self._sampler(task)

        def remembered(number: int) -> Batch:
            return self._sampler(replace(task, clips=(), memory=task.kept)).batch(number, config.batch_size)

        steps = config.steps_in_task(task)
        optimizers = Optimizers(config, self.separator, steps, first_task=config.starts_fresh(task))
        start, best = self._resume(task, optimizers)
        self.history.rewind(task.index, start)
        terms, clock = TermRecorder(), time.perf_counter()
        validate_every = ceil(steps / config.validations)

        drawn = (sampler.spec(step, config.batch_size) for step in range(start, steps))
        for step, batch in enumerate(map(self.method.on_batch, whole_batches(self.train, drawn)), start):
            losses = self._losses(batch, forward_batch(self.separator, batch))
            total(losses).backward()
            average_step(self.separator)
            optimizers.step(step)
            self.method.after_step(self.separator, remembered)
            terms.add(step, losses)

            done = step + 1
            validate = done % validate_every == 0 or done == steps
            save, stop = done % config.checkpoint_every == 0 and done < steps, False
            if done % config.record_every == 0 or validate or save:
                means, bad = terms.flush()
                if bad:
                    self._refuse(task, sampler, bad[0], f"the loss term {' and '.join(map(repr, bad[1]))}")
                if not self._weights_are_finite():  # the next loss would show it, but the weights might be kept before
                    self._refuse(task, sampler, step, "the gradient")
                seconds, clock = time.perf_counter() - clock, time.perf_counter()
                self._record("train", task, done, losses=means, seconds=round(seconds, 3))
                stop = done < steps and agreed(time_is_over())
            if validate:
                best = self._validate(task, done, validation, best)
            if save or stop:
                self._save(task, done, optimizers, best)
            if stop:
                raise Stopped(f"The time is over after step {done} of task {task.index + 1}.")
        self.separator.load_state_dict(best.weights)
        batches = partial(sampler.batch, size=config.batch_size)
        self.method.end_task(task, self.separator, batches, remembered)
        self.separator.eval()

    def _losses(self, batch: Batch, separation: SeparatorOutput) -> dict[str, torch.Tensor]:
        own, added = self.separator.losses(batch, separation), self.method.losses(batch, separation)
        if same := own.keys() & added.keys():
            raise ValueError(
                f"Method {self.method.name!r} names a loss term {' and '.join(map(repr, same))}, as separator "
                f"{self.separator.name!r} does; give it another name."
            )
        return own | added

    def _sampler(self, task: Task) -> Sampler:
        config = self.config
        return Sampler(
            self.train,
            task.clips,
            task.memory,
            num_sources=config.num_sources,
            memory_share=config.memory_share,
            same_class_share=config.same_class_share,
            gain=config.gain,
            seed=config.seed * 1_000 + task.index,
            clip_repeats=config.clip_repeats,
            exemplar_repeats=config.exemplar_repeats,
            same_video=config.same_video,
        )

    def _validate(self, task: Task, done: int, spec: MixtureSpec, best: Best) -> Best:
        sdr = validation_sdr(self.separator, self.validation, spec)
        self.separator.train()
        self._record("validation", task, done, sdr=sdr)
        chosen = sdr > best.sdr or isnan(best.sdr) or not best.weights
        if chosen or self.config.select_on == "last":
            return Best(sdr, {name: value.detach().clone() for name, value in self.separator.state_dict().items()})
        return best

    def _record(self, kind: str, task: Task, done: int, **values: object) -> None:
        self.history.add({"kind": kind, "task": task.index, "step": done, **values})

    def _save(self, task: Task, done: int, optimizers: Optimizers, best: Best) -> None:
        tensors = {
            **with_prefix("separator.", self.separator.state_dict()),
            **with_prefix("optimizers.", optimizers.state_dict()),
            **with_prefix("method.", self.method.state_dict()),
            **with_prefix("best.", best.weights),
        }
        sdr = best.sdr if best.weights else None
        save_tensors(self.progress_file, tensors, {"task": task.index, "step": done, "best_sdr": sdr})

    def _resume(self, task: Task, optimizers: Optimizers) -> tuple[int, Best]:
        """Steps done and the best weights so far, after loading the last checkpoint if it is of this task."""
        if not self.progress_file.exists():
            return 0, Best()
        try:
            with file_errors(self.progress_file):
                tensors, at = load_tensors(self.progress_file, self.train.device)
                if at["task"] != task.index:
                    return 0, Best()
                load_weights(self.separator, without_prefix("separator.", tensors), self.progress_file)
                optimizers.load_state_dict(without_prefix("optimizers.", tensors))
                self.method.load_state_dict(without_prefix("method.", tensors))
                best = Best() if at["best_sdr"] is None else Best(at["best_sdr"], without_prefix("best.", tensors))
                return at["step"], best
        except StorageError as error:
            if isinstance(error.__cause__, OSError | torch.OutOfMemoryError):  # no fault of its content
                raise
            raise DamagedProgress(f"{self.progress_file} is damaged: {error.__cause__}.") from error

    def _weights_are_finite(self) -> bool:
        largest = [parameter.detach().abs().max() for parameter in self.separator.parameters()]
        return bool(torch.stack(largest).isfinite().all())

    def _refuse(self, task: Task, sampler: Sampler, step: int, what: str) -> None:
        clips = sampler.spec(step, self.config.batch_size).clips.unique().tolist()
        raise NonFiniteLoss(
            f"At step {step} of task {task.index + 1}, {what} is not finite. "
            f"Its batch mixed: {', '.join(self.train.ids[clip] for clip in clips)}. "
            "Listen to these clips; if they are sound, lower learning_rate or set clip_gradient."
        )
