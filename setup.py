"""All settings stand in pyproject.toml; here is only how the notebooks come into the wheel."""

from pathlib import Path
from shutil import copytree, ignore_patterns

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithNotebooks(build_py):
    """Put `notebooks/` into a wheel as `contav_lib/notebooks/`; an editable installation reads them where they lie."""

    def run(self):
        super().run()
        if not self.editable_mode:
            folder = Path(self.build_lib, "contav_lib", "notebooks")
            copytree("notebooks", folder, ignore=ignore_patterns(".*", "__pycache__"), dirs_exist_ok=True)


setup(cmdclass={"build_py": BuildWithNotebooks})
