"""The command line: `contav <command> ...`, or `python -m contav_lib <command> ...`.

One function a command, in a file a kind of work: its docstring is the help, its options and its work stand together. What a
command needs is imported inside it, so that `contav --help` comes at once.
"""

import argparse
import io
import sys
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

from contav_lib.cli import course, experiments, reports, videos
from contav_lib.utils.extras import missing_extra
from contav_lib.utils.time_limit import Stopped
from contav_lib.utils.workers import sigterm_as_interrupt

_UNFINISHED = 75  # exit status: the time is over and something is left, so call again
_KEPT = "What was done is kept: run the same command to go on."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status; what goes wrong is printed to stderr.

    A mistake in what was asked, a refusal of the file system, an extra that is not installed and training that went astray
    give 1, like a notebook that failed and a worker process that was killed; Ctrl-C gives 130, the end of the time that
    `--minutes` grants 75. Any other error is a fault of the kit and keeps its traceback. SIGTERM, as batch systems send it,
    is taken for Ctrl-C.

    Args:
        arguments: the words after `contav`; None for those of this process.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal without "±" shows "?": that must not end hours of work
            stream.reconfigure(errors="replace")
    typed = list(sys.argv[1:] if arguments is None else arguments)
    name = _parser().parse_args(typed[:1] or ["--help"]).command
    work = COMMANDS[name]
    try:
        with sigterm_as_interrupt(), _plain_warnings():
            work(argparse.ArgumentParser(prog=f"contav {name}", description=work.__doc__), typed[1:])
    except (ValueError, OSError, FloatingPointError) as error:  # NonFiniteLoss is a FloatingPointError
        return _told(error)
    except ImportError as error:
        if isinstance(error.__cause__, KeyboardInterrupt):  # while a compiled module was loaded
            return _stopped()
        if isinstance(error, ModuleNotFoundError) and (advice := missing_extra(error)):
            return _told(advice)
        raise
    except KeyboardInterrupt:
        return _stopped()
    except Stopped as error:
        _told(f"{error} {_KEPT}")
        return _UNFINISHED
    except RuntimeError as error:
        from contav_lib.teaching.notebooks import NotebookFailed

        if isinstance(error, NotebookFailed | BrokenProcessPool):
            return _told(f"{error}\n{_KEPT}")
        raise
    return 0


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Context manager: a warning is its message, without the line of code that gives it."""
    before = warnings.formatwarning
    warnings.formatwarning = lambda message, *_, **__: f"{message}\n"
    try:
        yield
    finally:
        warnings.formatwarning = before


def _told(message: object) -> int:
    print(f"\n{message}", file=sys.stderr)
    return 1


def _stopped() -> int:
    print(f"\nStopped. {_KEPT}", file=sys.stderr)
    return 130


def _parser() -> argparse.ArgumentParser:
    from contav_lib import __version__

    lines = [f"  {name:11} {work.__doc__}" for name, work in COMMANDS.items()]
    parser = argparse.ArgumentParser(
        prog="contav",
        description="Continual audio-visual sound separation. `contav <command> --help` lists a command's options.",
        epilog="commands:\n" + "\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"contav {__version__}")
    parser.add_argument("command", choices=COMMANDS, metavar="command", help="one of those below")
    return parser


COMMANDS = {
    work.__name__: work
    for work in (
        *(experiments.run, experiments.compare, experiments.study, experiments.search),
        *(reports.reproduce, reports.report, reports.export, reports.leaderboard),
        *(videos.data, videos.separate),
        reports.starter,
        *(course.room, course.notebooks, course.labs),
    )
}
