"""Commands that take videos: prepare them to learn from, or separate them by what was learned."""

import argparse
import shlex
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from contav_lib.cli.options import add_options, data_given, in_runs, named_folder

if TYPE_CHECKING:
    from contav_lib.config import Config
    from contav_lib.datasets.dataset import Dataset


def data(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Make and prepare a profile's data, or look at a folder of your own videos, and print how many clips there are."""
    way = arguments[0] if arguments and arguments[0] in ("report", "prepare", "export") else ""
    where = (
        "your videos, <class>/<name>.mp4, or lists and videos, as in music21:<folder>; without it: the embedded data set. "
        "`contav data report music21:<folder>` only says what became of each video that is listed; "
        "`contav data prepare <folder>` looks whether all that is prepared is whole, too, and can do one of several parts; "
        "`contav data export music21:<folder> <new folder>` writes what is there as Hugging Face's VideoFolder"
    )
    parser.add_argument("folder", nargs="?", help=where)
    if way == "export":
        parser.add_argument(
            "new", type=named_folder, help="the folder to write; files are links where the disk can do that"
        )
    parser.add_argument("--yt-dlp", action="store_true", help="only print commands that would fetch what is missing")
    unusable = "leave such clips out (the default), or stop there"
    parser.add_argument("--on-unusable", choices=["skip", "raise"], default="skip", help=unusable)
    if way == "prepare":
        parser.add_argument("--shard", type=int, default=0, help="the part to prepare on this machine: 1 up to --of")
        parser.add_argument("--of", type=int, default=0, help="parts; when all are there, leave out --shard and --of")
    add_options(parser, "profile", "data", "dataset", "encoder")
    chosen = parser.parse_args(arguments[bool(way) :])
    if "" in (chosen.folder, chosen.data):
        parser.error("the folder's name is empty: is a variable not set?")
    if chosen.folder and (chosen.data or chosen.dataset):
        parser.error("name the videos once: as a folder, or with --data and --dataset.")
    chosen.data = chosen.folder or chosen.data
    if way == "prepare":
        _prepare(chosen)
        return
    from contav_lib.config import Config
    from contav_lib.utils.registry import open_dataset

    config = Config.profile(chosen.profile, classes=(), tasks=1, **data_given(chosen))
    dataset = open_dataset(config.data, config.clips_per_class)
    if chosen.yt_dlp:
        print(dataset.fetch_commands())
    elif way == "export":
        _export(dataset, chosen.new)
    else:
        _count(config, dataset, chosen.on_unusable, only_report=way == "report")


def _prepare(chosen: argparse.Namespace) -> None:
    """Prepare all clips, or a part of them, and look whether what is there is whole."""
    from contav_lib.config import Config, encoder_for
    from contav_lib.datasets.load import prepare_dataset
    from contav_lib.datasets.prepare import prepare_part
    from contav_lib.encoders.encoder import make_encoder
    from contav_lib.utils.registry import encoder_with_versions, open_dataset

    given, config = data_given(chosen), Config.profile(chosen.profile)  # the page alone: nothing reads the videos yet
    dataset = open_dataset(given.get("data", config.data), config.clips_per_class)
    encoder = given.get("encoder") or encoder_for(dataset, chosen.profile)
    how = (make_encoder(encoder), dataset.prepared(encoder_with_versions(encoder)))
    if chosen.shard or chosen.of:
        folder = prepare_part(dataset.clips(), *how, chosen.shard, chosen.of)
        print(f"Part {chosen.shard} of {chosen.of} is prepared in {folder}.")
    else:
        print(prepare_dataset(dataset, *how, on_unusable=chosen.on_unusable, check=True).describe())


def _export(dataset: "Dataset", folder: Path) -> None:
    """Write what can be used as a VideoFolder."""
    from contav_lib.datasets.videofolder import write_video_folder

    write_video_folder([clip for clip in dataset.clips() if not clip.fault], folder)
    print(f"Read it with --dataset videofolder --data {shlex.quote(str(folder))}")


def _count(config: "Config", dataset: "Dataset", on_unusable: str, only_report: bool) -> None:
    """Say what became of what lists name, then prepare the clips and count them; of lists, `only_report` says all and ends."""
    from contav_lib.datasets.corpus import remarks_listing
    from contav_lib.datasets.load import load_data
    from contav_lib.datasets.packed import remarks_in
    from contav_lib.datasets.prepare import UnusableClips
    from contav_lib.utils import paths
    from contav_lib.utils.registry import encoder_with_versions

    if report := dataset.report(None if only_report else 5):
        print(report)
    if dataset.has_lists and only_report:
        if remarks := remarks_in(dataset.prepared(encoder_with_versions(config.encoder))):
            print(remarks_listing(remarks))
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnusableClips)  # the description below lists them
        corpus = load_data(config.data, config.clips_per_class, config.encoder, config.data_digest, on_unusable)
    print(corpus.describe())
    print(f"Prepared clips are kept in {paths.generated('')}.")


def separate(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Separate the sound of one video with several players, or of several videos mixed, with what an experiment learned."""
    several = "one video of 2 to 4 players, or 2 to 4 videos of one each"
    parser.add_argument("videos", nargs="+", type=Path, help=several)
    parser.add_argument("--result", type=Path, required=True, metavar="FOLDER", help="of an experiment, or its name")
    played = "what is played, one a player (default: recognised)"
    parser.add_argument("--classes", nargs="+", metavar="NAME", help=played)
    parser.add_argument("--players", type=int, help="how many there are in one video (default: as many as are found)")
    sound = "a recording to separate in place of the videos' sound"
    parser.add_argument("--sound", type=Path, metavar="FILE", help=sound)
    parser.add_argument(
        "--save", type=named_folder, metavar="FOLDER", help="write the sounds as FLAC, and a video a player"
    )
    parser.add_argument("--boxes", action="store_true", help="with --save: whole pictures, boxes round the players")
    chosen = parser.parse_args(arguments)
    if chosen.boxes and not chosen.save:
        parser.error("--boxes goes with --save.")
    from contav_lib.experiments.result import Result
    from contav_lib.inference import separate as separate_videos

    asked = dict(sound=chosen.sound, players=chosen.players)
    found = separate_videos(Result(in_runs(chosen.result)), chosen.videos, chosen.classes, **asked)
    for number, (name, sure) in enumerate(zip(found.names, found.confidence, strict=True)):
        how = "like none learned; the nearest" if found.unknown[number] else f"{sure:.0%} sure"
        how = "told" if chosen.classes else how
        edges = [] if found.boxes is None else found.boxes[number, 0, [0, 2]].clamp(0, 1).tolist()
        place = ", at {:.0%} to {:.0%} of the width".format(*edges) if edges else ""
        print(f"{name} ({how}) in {found.videos[number]}{place}")
    for path in found.write(chosen.save, chosen.boxes) if chosen.save else ():
        print(path)
