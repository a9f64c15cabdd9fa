"""MUSIC and MUSIC-21: solos and duets from YouTube, by the lists that their authors publish (Zhao et al. 2018, 2019)."""

from pathlib import Path

from contav_lib.datasets.listed import ListedVideos
from contav_lib.datasets.lists import Annotation, by_split, find_lists, read_videos
from contav_lib.datasets.minimusic import MUSIC_ORDER
from contav_lib.datasets.pickled_lists import read_pickled_lists
from contav_lib.utils.registry import DATASETS

# The lists of each split: the kit's own form, and that of ContAV-Sep's authors.
_SPLIT_LISTS = {
    "train": ("train.json", "train_category_vids_dict.npy"),
    "validation": ("validation.json", "val_category_vids_dict.npy"),
    "test": ("test.json", "test_category_vids_dict.npy"),
}


@DATASETS.register("music21")
class Music21(ListedVideos):
    """The 20 classes of MUSIC-21 that the paper learns, or those of MUSIC, in the paper's order.

    The folder holds `MUSIC21_solo_videos.json`, `MUSIC_solo_videos.json` or `MUSIC_duet_videos.json`
    (`{"videos": {"bagpipe": ["<id>", ...], ...}}`; a duet is keyed "flute violin") and videos `<class>/<id>.*` or `<id>.*`.
    Splits are drawn by a hash of the ids, about 840 / 100 / 100 in each class, unless there are lists of them, in the folder
    or in `splits/`: `{train,validation,test}.json` of the same form, or `{train,val,test}_category_vids_dict.npy`.
    """

    published_order = MUSIC_ORDER
    on_youtube = True

    def annotations(self) -> list[Annotation]:
        lists, shared_out = find_lists(self.videos, "music*videos*.json"), self.split_lists(_SPLIT_LISTS)
        if not lists and not shared_out:
            raise ValueError(
                f"{self.place}: has no list of videos. Put MUSIC21_solo_videos.json there, which the authors of MUSIC publish "
                '({"videos": {"bagpipe": ["<id>", ...], ...}}).'
            )
        listed = [one for path in lists for one in _read(path)]
        return by_split(listed, {split: _read(path) for split, path in shared_out.items()})

    def duets(self) -> list[tuple[tuple[str, ...], Path]]:
        """List the duets whose files are there: labels of the players, and the path. For `separate`, not for training."""
        found = [(one, self.locate(one)) for one in self.annotations() if " " in one.label]
        return [(tuple(one.label.split()), path) for one, path in found if path]


def _read(path: Path) -> list[Annotation]:
    videos = read_pickled_lists(path) if path.suffix == ".npy" else read_videos(path)
    duet = "a duet, no clip of one class"
    return [
        Annotation(label, video, video, fault=duet if " " in label else "")
        for label, ids in videos.items()
        for video in ids
    ]
