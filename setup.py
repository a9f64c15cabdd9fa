"""All settings stand in pyproject.toml; here is only how the notebooks come into the wheel."""

from pathlib import Path
from shutil import copy

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithNotebooks(build_py):
    """Put `notebooks/` into a wheel as `contav_lib/notebooks/`; an editable installation reads them where they lie."""

    def run(self):
        super().run()
        if not self.editable_mode:
            folder = Path(self.build_lib, "contav_lib", "notebooks")
            folder.mkdir(parents=True, exist_ok=True)
            for notebook in Path("notebooks").glob("*.ipynb"):
                copy(notebook, folder)


setup(cmdclass={"build_py": BuildWithNotebooks})
