"""Reader of one shape of pickle, without running any: the authors' `{train,val,test}_category_vids_dict.npy`.

Such a file is an array of NumPy without dimensions that holds a dict, class -> list of ids. A pickle is a program for a small
machine with a stack, and may call whatever it names. This machine knows only the steps that build such a dict; it imports
nothing and calls nothing: the names of NumPy's array and dtype remain names, and any other name is refused.
"""

import pickletools
import re
from pathlib import Path
from typing import Any, NamedTuple

from contav_lib.datasets.lists import by_label

# Version, length of the header, header: one value of any kind ("O") without dimensions.
_HEADER = re.compile(
    rb"\x93NUMPY(?:\x01\x00..|[\x02\x03]\x00....)"
    rb"\{'descr': '\|O', 'fortran_order': False, 'shape': \(\), *\} *\n",
    re.DOTALL,
)
_ARRAYS = ("numpy.core.multiarray _reconstruct", "numpy._core.multiarray _reconstruct")
_NAMES = {*_ARRAYS, "numpy ndarray", "numpy dtype"}
_MARK = object()
_VALUES = set("BINUNICODE SHORT_BINUNICODE BINUNICODE8 BINBYTES SHORT_BINBYTES BININT BININT1 BININT2".split())
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}


class _Name(NamedTuple):
    """Stand-in for what a pickle asks for by name."""

    name: str


class _Made:
    """Stand-in for what a pickle would make by a call, and the state that it would give it."""

    def __init__(self, maker: str):
        self.maker = maker
        self.state: Any = None


def read_pickled_lists(path: Path) -> dict[str, list[str]]:
    """YouTube's ids by class.

    Raises:
        ValueError: the file can't be read, or is anything but an array around a dict of lists of ids.
    """
    try:
        content = path.read_bytes()
        header = _HEADER.match(content)
        if header is None:
            raise ValueError("it is no NumPy file that holds one object")
        array = _run(content[header.end() :])
        if not (isinstance(array, _Made) and array.maker in _ARRAYS):
            raise ValueError("it is no array")
        _, shape, _, _, [videos] = array.state
        if shape != () or not all(isinstance(ids, list) for ids in videos.values()):
            raise ValueError("its content is no dict of lists")
    except (OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError, MemoryError) as error:
        raise ValueError(
            f"{path}: is refused: not a dict of classes and lists of ids as NumPy saves it ({error}). Nothing in it was run. "
            'Write the lists as splits/train.json, {"videos": {"violin": ["<id>", ...], ...}}, and the two others likewise.'
        ) from error
    return by_label(videos, path)


def _run(program: bytes) -> Any:
    """Return what a pickle builds, with names in place of what it would import. Only the steps named here are taken."""
    stack: list[Any] = []
    memo: dict[int, Any] = {}

    def from_mark() -> list[Any]:
        place = len(stack) - 1 - stack[::-1].index(_MARK)
        items = stack[place + 1 :]
        del stack[place:]
        return items

    for step, argument, _ in pickletools.genops(program):
        name = step.name
        if name in ("PROTO", "FRAME"):
            pass
        elif name in _VALUES:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in ("EMPTY_DICT", "EMPTY_LIST", "EMPTY_TUPLE"):
            stack.append({"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}[name]())
        elif name == "MARK":
            stack.append(_MARK)
        elif name == "TUPLE":
            stack.append(tuple(from_mark()))
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            count = int(name[-1])
            stack[-count:] = [tuple(stack[-count:])]
        elif name in ("APPEND", "APPENDS"):
            items = from_mark() if name == "APPENDS" else [stack.pop()]
            _of(list, stack[-1]).extend(items)
        elif name in ("SETITEM", "SETITEMS"):
            items = from_mark() if name == "SETITEMS" else [stack.pop(-2), stack.pop()]
            _of(dict, stack[-1]).update(zip(items[::2], items[1::2], strict=True))
        elif name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif name in ("BINPUT", "LONG_BINPUT"):
            memo[_of(int, argument)] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[_of(int, argument)])
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            wanted = argument if name == "GLOBAL" else " ".join([_of(str, stack.pop(-2)), _of(str, stack.pop())])
            if wanted not in _NAMES:
                raise ValueError(f"it asks for {wanted!r}")
            stack.append(_Name(wanted))
        elif name == "REDUCE":
            stack.pop()
            stack.append(_Made(_of(_Name, stack.pop()).name))
        elif name == "BUILD":
            state = stack.pop()
            _of(_Made, stack[-1]).state = state
        elif name == "STOP":
            return stack.pop()
        else:
            raise ValueError(f"it takes the step {name}")
    raise ValueError("it ends too early")


def _of(kind: type, value: Any) -> Any:
    """The value, when it is of the kind that a step needs."""
    if not isinstance(value, kind):
        raise ValueError(f"it takes a {type(value).__name__} for a {kind.__name__}")
    return value
