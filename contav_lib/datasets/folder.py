"""Any folder of videos as a data set: `<class>/<name>.mp4`."""

import hashlib
from pathlib import Path

from contav_lib.datasets.clip import Clip, find_clips
from contav_lib.datasets.dataset import Dataset
from contav_lib.utils import paths
from contav_lib.utils.registry import DATASETS


@DATASETS.register("folder")
class Folder(Dataset):
    """A folder of videos laid out as `find_clips` reads it; `data` is its path."""

    def __init__(self, place: str = "", clips_per_class: tuple[int, int, int] = (36, 6, 8)):
        if not place.strip():
            raise ValueError(f"data={place!r}: give 'mini' or a folder of videos, <class>/<name>.mp4.")
        super().__init__(str(Path(place).expanduser().resolve()), clips_per_class)

    @property
    def spelling(self) -> str:
        """The same path for every way to write where the folder lies."""
        return self.place

    @property
    def videos(self) -> Path:
        return Path(self.place)

    def clips(self) -> list[Clip]:
        return find_clips(self.videos)

    def digest(self) -> str:
        """A hash of the names and sizes of all files: other videos are another data set."""
        if not self.videos.is_dir():
            raise ValueError(
                f"data={self.place!r}: there is no such folder. Give 'mini' or a folder of videos, <class>/<name>.mp4."
            )
        files = sorted(
            (str(path.relative_to(self.videos)), path.stat().st_size)
            for path in self.videos.rglob("*")
            if path.is_file()
        )
        return hashlib.sha256(repr(files).encode()).hexdigest()[:10]

    def prepared(self, encoder: str) -> Path:
        place = hashlib.sha256(self.place.encode()).hexdigest()[:6]  # two folders may have the same name
        return paths.generated(f"{self.videos.name}-{place}-{encoder}-prepared")
