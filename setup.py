"""All settings stand in pyproject.toml; here is only how the notebooks and the starter pack come into the wheel."""

from pathlib import Path
from shutil import copytree, ignore_patterns

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithNotebooks(build_py):
    """Put `notebooks/` and `data/starter/` into a wheel's `contav_lib/`; an editable installation reads them where they lie."""

    def run(self):
        super().run()
        if not self.editable_mode:
            package = Path(self.build_lib, "contav_lib")
            unwanted = ignore_patterns(".*", "__pycache__", "labs")  # whose sources hold the solutions
            copytree("notebooks", package / "notebooks", ignore=unwanted, dirs_exist_ok=True)
            copytree("data/starter", package / "starter", dirs_exist_ok=True)


setup(cmdclass={"build_py": BuildWithNotebooks})
