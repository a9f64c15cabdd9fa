"""Checks of a learner's function by what it does: on random arguments it must answer as the kit's own function does.

An exercise is one call of `coded`: the kit's function, what both are tried on, and wrong functions that give away which
mistake was made.
"""

import _thread
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from contav_lib.teaching.check import NotYet, Unanswered, check, exercise

Arguments = dict[str, Any]  # in order, by name
Function = Callable[..., Any]

SECONDS = 10.0  # that all calls of a learner's function may take together
_NUMBERS = "biuf"  # kinds of dtype
_FAILED = np.zeros((0, 0, 0, 0, 0))  # of a shape that no answer has
SLOWER = 10  # times the kit's function: a loop over samples is slower by far, another formula is not


@dataclass(frozen=True)
class Coded:
    """Exercise whose answer is a function.

    Attributes:
        reference: the kit's function.
        cases: arguments to try, drawn with the generator given. Gradients are compared at tensors that require one.
        mistakes: wrong functions, by what is said to whoever has written such a one.
        right: said of a right answer.
        otherwise: said of a wrong answer that makes none of the mistakes.
        many: arguments with many samples, on which a loop over them is slow.
    """

    reference: Function
    cases: Callable[[torch.Generator], Iterator[Arguments]]
    mistakes: Mapping[str, Function]
    right: str
    otherwise: str
    many: Callable[[torch.Generator], Arguments] | None = None


class _Stopped(NotYet):
    """Error raised where a function was stopped; it is not to be called again."""


CODED: dict[str, Coded] = {}


def coded(name: str, **parts: Any) -> None:
    """Register the exercise `name`; `parts` are those of `Coded`."""
    task = CODED[name] = Coded(**parts)
    exercise(name)(lambda answer, seed=0: _judge(answer, task, seed))


def own_or_kit(name: str, answer: Function) -> Function:
    """Return the learner's function where it is right, else the kit's: so a notebook goes on either way."""
    return answer if check(name, answer).verdict == "Right" else CODED[name].reference


def _judge(answer: Function, task: Coded, seed: int) -> str:
    if not callable(answer):
        raise NotYet("a function is asked for: give its name, without brackets.")
    random = torch.Generator().manual_seed(seed)
    with _limited():
        cases = _on_every_device(list(task.cases(random)))
        for arguments in cases:
            try:
                _compare(answer, task.reference(*arguments.values()), arguments)
            except _Stopped:
                raise
            except NotYet as wrong:
                raise NotYet(_recognised(answer, task, cases) or str(wrong) or task.otherwise) from None
        if task.many:
            _require_speed(answer, task.reference, task.many(random))
    return task.right


def _compare(answer: Function, right: Any, arguments: Arguments) -> None:
    """Hold one answer against the kit's.

    Raises:
        Unanswered: it is `...`.
        NotYet: they differ, in value (where there is no more to say, it says nothing), kind or gradient, or the function has
            changed its arguments.
    """
    given, left = _ask(answer, arguments)
    if given is ...:
        raise Unanswered
    if given is None:
        raise NotYet("it gives nothing back: does every way through it end with return?")
    is_tensor = isinstance(right, torch.Tensor)
    if is_tensor and not isinstance(given, torch.Tensor):
        raise NotYet(f"it gives {_kind(given)}, where a torch tensor is asked for.")
    if _numbers(given).dtype.kind == "c":
        raise NotYet("it gives complex numbers, where real ones are asked for.")
    if _numbers(given).dtype.kind not in _NUMBERS:
        raise NotYet(f"it gives {_kind(given)}, where real numbers are asked for.")
    if not _alike(given, right):
        shape, wanted = list(np.shape(_numbers(given))), list(np.shape(_numbers(right)))
        if shape != wanted:
            raise NotYet(f"for {_shapes(arguments)} it gives the shape {shape}, where {wanted} is asked for.")
        if not _alike(_ask(answer, arguments)[0], given):
            raise NotYet("asked the same twice, it gives two different answers: what in it is left to chance?")
        if (np.isfinite(_numbers(right)) & ~np.isfinite(_numbers(given))).any():
            raise NotYet(
                "it gives NaN, as some of what it is given is NaN, not measured: what leaves that out?"
                if any(_has_nan(value) for value in arguments.values())
                else "it gives NaN or infinity in some places: is anything divided by 0 there?"
            )
        raise NotYet
    changed = [name for name, value in arguments.items() if not _alike(left[name], value)]
    if changed:
        raise NotYet(f"right, but it changes what it is given ({', '.join(changed)}), which others may still need.")
    if is_tensor and right.is_floating_point() and given.dtype != right.dtype:
        raise NotYet(f"right, but it gives {given.dtype} for {right.dtype}: where does another kind of number come in?")
    if is_tensor and right.dtype == torch.bool and given.dtype != torch.bool:
        raise NotYet(f"right, but it gives {given.dtype}, where torch.bool is asked for: what does a comparison give?")
    _require_gradient(arguments, given, right)


def _recognised(answer: Function, task: Coded, cases: list[Arguments]) -> str | None:
    """What is said of the known mistake that answers as this function does in every case, and fails where it does."""

    def outcomes(function: Function) -> list[Any]:
        found = []
        for arguments in cases:
            try:
                found.append(_numbers(_ask(function, arguments)[0]))
            except NotYet:
                found.append(_FAILED)
        return found

    own = outcomes(answer)
    if all(value is _FAILED for value in own):
        return None
    for said, mistake in task.mistakes.items():
        if all(_alike(*pair) for pair in zip(own, outcomes(mistake), strict=True)):
            return said
    return None


def _require_speed(answer: Function, reference: Function, many: Arguments) -> None:
    kits, own = _seconds(reference, many), _seconds(answer, many)
    if own > max(SLOWER * kits, 0.003):
        raise NotYet(
            f"right, but on {_shapes(many)} it takes {own / max(kits, 1e-6):.0f} times as long as it needs to: is "
            "there a Python loop in it? One operation on whole tensors does the same."
        )


def _require_gradient(arguments: Arguments, given: Any, right: Any) -> None:
    learned = {name: value for name, value in arguments.items() if getattr(value, "requires_grad", False)}
    if not learned:
        return
    probe = torch.linspace(1, 2, right.numel()).to(right).reshape(right.shape)
    names, leaves = list(learned), list(learned.values())
    wanted = torch.autograd.grad((right * probe).sum(), leaves)
    found = (
        torch.autograd.grad((given * probe).sum(), leaves, materialize_grads=True)
        if given.requires_grad
        else [torch.zeros_like(leaf) for leaf in leaves]
    )
    blocked = [name for name, *pair in zip(names, found, wanted, strict=True) if not _alike(*pair)]
    if blocked:
        raise NotYet(
            f"the value is right, but no true gradient comes back to {' and '.join(blocked)}, so nothing could be learned "
            "through it. Is something detached, taken to NumPy, or made a new tensor?"
        )


def _ask(answer: Function, arguments: Arguments) -> tuple[Any, Arguments]:
    """The answer to copies of the arguments, and these copies.

    Raises:
        NotYet: for an error of the learner's code.
        Unanswered: the function is not written yet.
    """
    copies = {name: _copy(value) for name, value in arguments.items()}
    dtype, gradients = torch.get_default_dtype(), torch.is_grad_enabled()
    try:
        return answer(*copies.values()), copies
    except KeyboardInterrupt as stop:
        raise _Stopped(
            f"it did not come to an end and was stopped{_place(stop, answer)}: does every loop end? "
            "Does one go through rows one by one?"
        ) from stop
    except BaseException as error:  # of the learner's code; exit() raises one, too
        if isinstance(error, NotImplementedError) and not error.args:  # torch raises it too, and says why
            raise Unanswered("raise NotImplementedError()") from None
        said = f"{type(error).__name__}: {error}"
        raise NotYet(f"for {_shapes(arguments)} it stops{_place(error, answer)} with {said}") from error
    finally:  # what the function may have changed for all that comes after it
        torch.set_default_dtype(dtype)
        torch.set_grad_enabled(gradients)


def _place(error: BaseException, answer: Function) -> str:
    """Where in the learner's cell an error was raised, with the line."""
    file = getattr(getattr(answer, "__code__", None), "co_filename", None)
    lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f' in line {lines[-1].lineno} of its cell ("{lines[-1].line}")' if lines else ""


@contextmanager
def _limited() -> Iterator[None]:
    """Context manager: press the stop button after `SECONDS`; in the main thread only, where it is heard."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # A process that was started in the background ignores the stop button, and an endless loop would fill the memory.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(SECONDS, _interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    except KeyboardInterrupt as stop:  # between two calls of the function
        raise _Stopped(
            f"it was stopped between two calls: all together may take {SECONDS:.0f} seconds. Is there a loop in it?"
        ) from stop
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, before)


def _interrupt() -> None:
    """Press the stop button of the main thread; a signal also wakes it where it sleeps."""
    main = threading.main_thread().ident
    if main and hasattr(signal, "pthread_kill"):
        signal.pthread_kill(main, signal.SIGINT)
    else:  # on Windows
        _thread.interrupt_main()


def _on_every_device(cases: list[Arguments]) -> list[Arguments]:
    """The cases, and the first once more on the accelerator where there is one."""
    if not torch.accelerator.is_available():
        return cases
    device = torch.accelerator.current_accelerator()
    moved = {
        name: value.detach().to(device).requires_grad_(value.requires_grad)
        if isinstance(value, torch.Tensor)
        else value
        for name, value in cases[0].items()
    }
    return [*cases, moved]


def _seconds(function: Function, arguments: Arguments) -> float:
    """Processor time of a call, in one thread: on a busy machine torch's threads burn time while they wait for each other."""
    threads = torch.get_num_threads()
    times: list[float] = []
    torch.set_num_threads(1)
    try:
        for _ in range(3):
            start = time.thread_time()
            _ask(function, arguments)
            times.append(time.thread_time() - start)
            if times[-1] > 0.1:  # so slow that another look changes nothing
                break
    finally:
        torch.set_num_threads(threads)
    return min(times)


def _copy(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.clone()
    return value.copy() if isinstance(value, np.ndarray) else value


def _numbers(value: Any) -> np.ndarray:
    try:
        return value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
    except Exception as error:  # as a tensor without values
        raise NotYet(f"it gives {_kind(value)} that holds no numbers.") from error


def _kind(value: Any) -> str:
    return "a NumPy array" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"


def _has_nan(value: Any) -> bool:
    numbers = _numbers(value)
    return numbers.dtype.kind == "f" and bool(np.isnan(numbers).any())


def _alike(one: Any, other: Any) -> bool:
    one, other = _numbers(one), _numbers(other)
    are_numbers = one.dtype.kind in _NUMBERS and other.dtype.kind in _NUMBERS
    return are_numbers and one.shape == other.shape and np.allclose(one, other, rtol=1e-4, atol=1e-5, equal_nan=True)


def _shapes(arguments: Arguments) -> str:
    """Say what was given, as in "maps [2, 3, 8, 4], count 5"."""
    said = [f"{name} {list(np.shape(v)) if hasattr(v, 'shape') else v}" for name, v in arguments.items()]
    devices = {v.device.type for v in arguments.values() if isinstance(v, torch.Tensor)} - {"cpu"}
    return ", ".join([*said, *(f"on {device}" for device in devices)])
