"""What a training step must not do on a GPU: wait for it. Looked for on the device "meta", which has shapes but no numbers.

There every question about a number is an error of torch's (`item`, `tolist`, `nonzero`, a mask as an index, `cpu`), as it would
be a wait on a GPU. What goes the other way is watched here: a copy to the device must be asynchronous.
"""

from contextlib import AbstractContextManager, ExitStack

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from contav_lib.training.history import TermRecorder


class NoWaiting(TorchDispatchMode):
    """Context manager: a copy to the device "meta" that a GPU would be waited for is an error."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        result = function(*args, **kwargs)
        aten = torch.ops.aten
        if function is aten._to_copy.default:
            copied = args[0].device != result.device and not kwargs.get("non_blocking")
        elif function is aten.copy_.default:
            copied = args[0].device != args[1].device and not (len(args) > 2 and args[2])
        else:
            indices = args[1] if function in (aten.index.Tensor, aten.index_put_.default) else ()
            copied = any(index is not None and index.device != args[0].device for index in indices)
        assert not copied, f"{function} copies to the device and waits for it"
        return result


def between_records(monkeypatch, watched) -> list[int]:
    """Let the steps between two records of a training run in `watched()`; the steps that did, in a list that grows.

    A step counts from the end of the one before; so the first step after a record is not watched.
    """
    watching, steps = ExitStack(), []
    add, flush = TermRecorder.add, TermRecorder.flush

    def adding(self, step, terms):
        watching.close()
        add(self, step, terms)
        steps.append(step)
        context: AbstractContextManager = watched()
        watching.enter_context(context)

    def flushing(self):
        watching.close()
        return flush(self)

    monkeypatch.setattr(TermRecorder, "add", adding)
    monkeypatch.setattr(TermRecorder, "flush", flushing)
    return steps
