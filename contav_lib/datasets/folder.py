"""Any folder of videos as a data set: `<class>/<name>.mp4`."""

import hashlib
import os
from collections.abc import Collection
from pathlib import Path

from contav_lib.datasets.clip import Clip, find_clips, misplaced, passed_over, read_folder
from contav_lib.datasets.contents import digest_of
from contav_lib.datasets.dataset import Dataset
from contav_lib.utils import paths
from contav_lib.utils.registry import CLIPS_PER_CLASS, DATASETS


@DATASETS.register("folder")
class Folder(Dataset):
    """A folder of videos laid out as `find_clips` reads it; `data` is its path."""

    def __init__(self, place: str = "", clips_per_class: tuple[int, int, int] = CLIPS_PER_CLASS):
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

    def clips(self, without: Collection[str] = ()) -> list[Clip]:
        return find_clips(self.videos, without=without)

    def digest(self) -> str:
        """A hash of the clips: their ids, splits and contents. Where the folder lies and what else is in it does not matter."""
        if not self.videos.is_dir():
            raise ValueError(
                f"data={self.place!r}: there is no such folder. Give 'mini' or a folder of videos, <class>/<name>.mp4."
            )
        return digest_of(
            lambda: [clip for clip in read_folder(self.videos) if not clip.fault], self._contents, in_any_order=True
        )

    def report(self, most: int | None = 20) -> str:
        """Files that are not looked at: videos in the wrong place by name, others by number; "" where there are none."""
        lines = []
        if lost := misplaced(self.videos):
            places = ", ".join(lost[:most]) + (f" ... ({len(lost)} in all)" if most and len(lost) > most else "")
            lines.append(f"Not looked at, for a video belongs right into the folder of its class: {places}.\n")
        counts = [
            f"{count} {suffix or 'without a suffix'}" for suffix, count in passed_over(self.videos).most_common(most)
        ]
        if counts:
            lines.append(f"Not looked at, as these are no videos by their names: {', '.join(counts)}.\n")
        return "".join(lines).encode(errors="backslashreplace").decode()  # names of files may be no text

    @property
    def _contents(self) -> Path:
        """The file that keeps the hashes of the videos."""
        return paths.generated(self._own_name) / f"{self.name}-contents.json"

    def prepared(self, encoder: str) -> Path:
        return paths.generated(f"{self._own_name}-{encoder}-prepared")

    @property
    def _own_name(self) -> str:
        place = hashlib.sha256(os.fsencode(self.place)).hexdigest()[:6]  # two folders may have the same name
        return f"{self.videos.name}-{place}"
