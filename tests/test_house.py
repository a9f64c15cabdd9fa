"""The house rules: small files, imports that walk one way, nothing that could run a stranger's code."""

import ast
from pathlib import Path

import pytest

import contav_lib

HOUSE = Path(contav_lib.__file__).parent
FILES = sorted(HOUSE.rglob("*.py"))
LONGEST = 300

# From left to right: a file imports only what stands before it, or in its own group.
ORDER = [
    ["_torchaudio", "naming", "storage", "paths", "devices"],
    ["audio", "media", "history", "intervals", "metrics", "mixture_scores", "scores"],
    ["lesson"],
    ["vision"],
    ["corpus"],
    ["exemplars", "prototypes"],
    ["tasks"],
    ["batch"],
    ["batches"],
    ["losses", "similarity"],
    ["separators"],
    ["evaluation", "optimizers"],
    ["methods"],
    ["config", "trainer", "examples"],
    ["exercises", "program"],
    ["result"],
    ["tables", "plots", "separating"],
    ["results_file"],
    ["experiment"],
    ["hearing", "recognition"],
    ["parallel"],
    ["lesson_plan", "template"],
    ["comparison"],
    ["reproduce", "search", "studies", "widgets"],
]
PLACE = {name: place for place, group in enumerate(ORDER) for name in group}
# Programs that are run once, to make a file the library reads and to measure it; they draw what they learn from.
APART = {f"vision/{name}.py" for name in ("train_tiny", "toys", "toy_shapes", "measure_tiny")}


def title(path: Path) -> str:
    return path.relative_to(HOUSE).as_posix()


def part(path: Path) -> str:
    """The file's or sub-package's name in the house."""
    return path.relative_to(HOUSE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Parts of the house that a file imports when it runs, `if TYPE_CHECKING` apart."""
    found, todo = set(), [ast.parse(path.read_text(encoding="utf-8"))]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            continue
        todo += ast.iter_child_nodes(node)
        if isinstance(node, ast.ImportFrom) and node.module == "contav_lib":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("contav_lib."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("contav_lib.")}
    return found


def test_the_order_names_all_there_is():
    assert PLACE.keys() == {part(path) for path in FILES} - {"__init__"}


@pytest.mark.parametrize("path", FILES, ids=title)
def test_files_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST


@pytest.mark.parametrize("path", [path for path in FILES if title(path) not in APART | {"__init__.py"}], ids=title)
def test_imports_walk_one_way(path):
    wrong = {name for name in imported(path) if PLACE[name] > PLACE[part(path)]}
    assert not wrong, f"{title(path)} imports {wrong}, which stand to its right"


@pytest.mark.parametrize("path", FILES, ids=title)
def test_nothing_runs_a_strangers_code(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert not {"pickle", "marshal", "shelve"} & {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.module not in ("pickle", "marshal", "shelve")
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            assert name not in ("eval", "exec", "os.system")
            if name == "torch.load":
                assert any(k.arg == "weights_only" and ast.unparse(k.value) == "True" for k in node.keywords)
            assert not any(k.arg in ("allow_pickle", "shell") for k in node.keywords)
