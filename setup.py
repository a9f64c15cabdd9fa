"""All settings stand in pyproject.toml; here is only how notebooks, starter pack and tables of results come into the wheel."""

from pathlib import Path
from shutil import copytree, ignore_patterns

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithNotebooks(build_py):
    """Put what notebooks need into a wheel's `contav_lib/`; an editable installation reads it where it lies."""

    def run(self):
        super().run()
        if not self.editable_mode:
            package = Path(self.build_lib, "contav_lib")
            unwanted = ignore_patterns(".*", "__pycache__", "labs")  # whose sources hold the solutions
            copytree("notebooks", package / "notebooks", ignore=unwanted, dirs_exist_ok=True)
            for folder in ("starter", "results"):
                copytree(f"data/{folder}", package / folder, dirs_exist_ok=True)


setup(cmdclass={"build_py": BuildWithNotebooks})
