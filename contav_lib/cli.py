"""What all command lines of the kit share: errors are told in words, and end with the right exit status."""

import sys
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from functools import wraps

from contav_lib.training.trainer import NonFiniteLoss

_KEPT = "What was done is kept: run the same command to go on."
Arguments = Sequence[str] | None


class Failed(RuntimeError):
    """Work that could not be done; the message says all that a reader needs."""


def command_line(work: Callable[[Arguments], None]) -> Callable[[Arguments], int]:
    """Decorator of a program's `main(arguments)`: makes it return the exit status, and prints what goes wrong to stderr.

    A mistake in what was asked, a refusal of the file system and training that went astray give 1, like `Failed` and a
    worker process that was killed; Ctrl-C gives 130. Any other error is a fault of the kit and keeps its traceback.
    """

    @wraps(work)
    def main(arguments: Arguments = None) -> int:
        try:
            work(arguments)
        except (ValueError, OSError, NonFiniteLoss) as error:
            print(f"\n{error}", file=sys.stderr)
            return 1
        except (Failed, BrokenProcessPool) as error:
            print(f"\n{error}\n{_KEPT}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print(f"\nStopped. {_KEPT}", file=sys.stderr)
            return 130
        return 0

    return main
