"""Settings: found by name, checked, and all of them part of the result's name."""

import ast
import hashlib
import re
from dataclasses import fields, replace
from importlib.resources import files
from pathlib import Path

import pytest

from contav_lib import Config
from contav_lib import config as config_module
from contav_lib.cli.options import setting
from contav_lib.config import (
    EXEMPLAR_CHOICES,
    FROM_ENCODER,
    PROFILES,
    RESULTS_VERSION,
    DataSettings,
    EvaluationSettings,
    MixtureSettings,
    Settings,
    TrainingSettings,
    read_page,
)
from contav_lib.continual.exemplars import CHOICES
from contav_lib.continual.tasks import Task
from contav_lib.encoders.tiny import WEIGHTS, TinyEncoder
from contav_lib.experiments.setup import make_method, make_separator, spectrogram_of
from contav_lib.minimusic import MINIMUSIC_VERSION
from contav_lib.utils.registry import ENCODERS, METHODS, SEPARATORS, import_all
from contav_lib.utils.settings import settings_of

OTHER = dict(
    name_of_profile="other",
    seed=7,
    method="replay",
    method_settings={"distillation": 0.7},
    separator="coseparation",
    separator_settings={"width": 5},
    data=str(Path(__file__).parent),
    data_digest="0123456789",
    on_unusable="raise",
    encoder="other",
    clips_per_class=(5, 2, 2),
    classes=("tuba", "violin"),
    tasks=2,
    shuffle_classes=True,
    exemplars=3,
    exemplar_choice="herding",
    memory_share=0.5,
    same_class_share=0.9,
    same_video=True,
    num_sources=3,
    gain=0.1,
    motion="whole",
    visual_noise=0.5,
    window=2048,
    hop=128,
    frames=64,
    bins=64,
    align_corners=False,
    batch_size=3,
    epochs=7,
    clip_repeats=2,
    exemplar_repeats=7,
    steps=11,
    schedule="paper",
    learning_rate=1e-2,
    later_learning_rate=1e-2,
    weight_decay=0.1,
    threads=2,
    processes=2,
    compile=True,
    warmup_steps=9,
    clip_gradient=1.5,
    joint_from_scratch=True,
    validations=3,
    select_on="new",
    record_every=7,
    checkpoint_every=7,
    test_mixtures=9,
    validation_mixtures=9,
)


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_is_sound(name):
    config = Config.profile(name)
    assert config.name.startswith(f"{name}-contav-seed0-")
    separator = make_separator(Config.profile(name, width=4, mask_dim=4, hidden=16, heads=2, feed_forward=16), 3)
    assert separator.num_classes == 3 and make_method(config).distillation == config.method_settings["distillation"]
    assert config.bins % 2**separator.unet.levels == 0 and config.frames % 2**separator.unet.levels == 0


def test_the_paper_profile_is_the_papers():
    config = Config.profile("paper")
    assert (config.batch_size, config.epochs, config.learning_rate, config.schedule) == (32, 100, 1e-4, "paper")
    assert (spectrogram_of(config).samples, config.window, config.bins, config.motion) == (65_535, 1022, 256, "whole")
    assert config.memory_share is None and config.same_class_share == 0 and config.tasks == 4
    assert config.method_settings["distillation"] == 0.3 and config.method_settings["temperature"] == 0.05


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(lerning_rate=1), "setting called 'lerning_rate'; did you mean 'learning_rate'"),
        (dict(method="contavv"), "method called 'contavv'; did you mean 'contav'"),
        (dict(separator="iqueri"), "separator called 'iqueri'; did you mean 'iquery'"),
        (dict(method="finetune", distillation=0.5), "setting called 'distillation'"),
        (dict(name_of_profile="mine"), "setting called 'name_of_profile'"),
        (dict(method_settings={}), "setting called 'method_settings'"),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(settings, message):
    with pytest.raises(ValueError, match=message):
        Config.profile("lab", **settings)


def test_an_unknown_profile_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match="profile called 'labs'; did you mean 'lab'"):
        Config.profile("labs")
    with pytest.raises(ValueError, match="known are: smoke, lab, gpu, paper"):
        Config.profile("xyz")


def test_single_settings_are_changed_by_name():
    config = Config.profile("lab", seed=3, distillation=0.5, class_weight=0.0, width=20, tasks=2)
    assert (config.seed, config.tasks) == (3, 2)
    assert make_method(config).distillation == 0.5 and make_method(config).class_weight == 0
    assert config.separator_settings["width"] == 20
    untouched = Config.profile("lab")
    assert make_method(untouched).distillation != 0.5 and untouched.separator_settings["width"] != 20


@pytest.mark.parametrize("method", ["contav", "lwf"])
@pytest.mark.parametrize("separator", ["iquery", "coseparation"])
def test_as_released_is_a_set_of_settings(method, separator):
    def flat(**settings) -> dict:
        config = Config.profile("paper", method=method, separator=separator, **settings)
        own = {
            entry.name: getattr(config, entry.name) for entry in fields(config) if not entry.name.endswith("_settings")
        }
        return own | dict(config.method_settings) | dict(config.separator_settings)

    ours, theirs, page = flat(), flat(as_released=True), read_page("paper")["as_released"]
    only = {"padding": separator == "iquery", "teacher_batch_statistics": method == "contav"}
    assert {name: theirs[name] for name in ours if theirs[name] != ours[name]} == {
        name: value for name, value in page.items() if only.get(name, True)
    }
    assert flat(as_released=False) == ours and flat(as_released=True, schedule="paper")["schedule"] == "paper"


def test_as_released_belongs_to_the_paper():
    with pytest.raises(ValueError, match="as_released=True: profile 'lab' is none of the authors'; take 'paper'"):
        Config.profile("lab", as_released=True)
    typed = dict([setting("as_released=true")])
    assert Config.profile("paper", **typed) == Config.profile("paper", as_released=True)
    with pytest.raises(ValueError, match="as_released='yes': as_released is True or False"):
        Config.profile("paper", as_released="yes")


def names_of(*topics: type[Settings]) -> set[str]:
    return {entry.name for topic in topics for entry in fields(topic)}


@pytest.mark.parametrize("profile", PROFILES)
def test_a_page_names_every_setting_and_nothing_else(profile):
    page = dict(read_page(profile))
    assert page.pop("own_videos").keys() == {"encoders"}
    page.pop("as_released", None)  # has settings of the other tables
    parts = {"method": METHODS, "separator": SEPARATORS}
    for kind, registry in parts.items():
        import_all(registry.package)
        of_kind = page.pop(kind)
        # A part without a page has its defaults everywhere.
        assert {name: set(settings) for name, settings in of_kind.items()} == {
            name: set(settings_of(registry[name])) - FROM_ENCODER for name in of_kind
        }
    topics = {"data": DataSettings, "mixtures": MixtureSettings, "training": TrainingSettings,
              "evaluation": EvaluationSettings}  # fmt: skip
    # TOML has no None: a comment stands where nothing is set.
    comments = re.findall(
        r"^# (\w+): ", (files("contav_lib") / "profiles" / f"{profile}.toml").read_text(), re.MULTILINE
    )
    for topic, settings in page.items():
        unset = names_of(topics[topic]) - settings.keys() - {"data_digest", "on_unusable"}
        assert settings.keys() <= names_of(topics[topic]) and unset <= {"exemplars", "memory_share", "steps"} & set(
            comments
        )
    assert page.keys() == topics.keys() and names_of(Config) > names_of(*topics.values())


def test_a_topic_looks_after_its_own_values():
    page = read_page("lab")["evaluation"]
    assert EvaluationSettings(**page).validations == 5
    with pytest.raises(ValueError, match="validations=0: validations must be 1 or more"):
        EvaluationSettings(**page | {"validations": 0})
    with pytest.raises(TypeError, match="select_on"):
        EvaluationSettings(validations=5, validation_mixtures=1, test_mixtures=1)


def test_the_choices_of_exemplars_are_those_there_are():
    assert set(EXEMPLAR_CHOICES) == CHOICES.keys()
    with pytest.raises(ValueError, match="exemplar_choice='herdin': did you mean 'herding'"):
        Config.profile("lab", exemplar_choice="herdin")


def test_settings_are_a_leaf():
    tree = ast.parse(Path(config_module.__file__).read_text(encoding="utf-8"))
    modules = {node.module for node in tree.body if isinstance(node, ast.ImportFrom)}
    assert {name for name in modules if name.startswith("contav_lib")} == {
        "contav_lib.utils.devices", "contav_lib.utils.registry", "contav_lib.utils.settings"}  # fmt: skip


NAMELESS = ("device", "on_unusable")  # the device counts by its kind


@pytest.mark.parametrize("setting", [entry.name for entry in fields(Config) if entry.name not in NAMELESS])
def test_every_setting_changes_the_name(setting, monkeypatch):
    monkeypatch.setitem(ENCODERS, "other", TinyEncoder)
    config = Config.profile("lab", tasks=1)
    assert replace(config).name == config.name == Config.profile("lab", tasks=1).name
    if setting in ("method", "separator"):  # another one has other settings
        config = replace(config, **{f"{setting}_settings": {}})
    assert getattr(config, setting) != OTHER[setting]
    assert replace(config, **{setting: OTHER[setting]}).name != config.name


def test_of_a_folder_what_it_holds_is_in_the_name_and_not_where_it_lies():
    config = replace(Config.profile("lab"), data="/a", data_digest="0123456789")
    assert config.name == replace(config, data="/b").name != replace(config, data_digest="1").name
    assert config.name != replace(config, data="mini").name


def test_what_becomes_of_unusable_clips_is_in_no_name():
    config = Config.profile("lab", on_unusable="raise")
    assert config.name == Config.profile("lab").name and "on_unusable" not in config.to_json()
    assert Config.from_json(config.to_json()).on_unusable == "skip"


def test_names_that_stored_results_hang_on_stay_as_they_are():
    # It changes with any setting of `lab`, with what is hashed, and with RESULTS_VERSION: then old results are lost.
    assert Config.profile("lab", method="replay", seed=0, device="cpu").name == "lab-replay-seed0-8c5857c067"


def test_other_clips_or_other_encoders_are_another_version_of_results():
    # When this fails, raise RESULTS_VERSION, that stored results be not mixed with new ones; then write the new values here.
    encoders = hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()[:8]
    assert (RESULTS_VERSION, MINIMUSIC_VERSION, encoders) == (3, 3, "dd2c421c")


def test_all_ways_to_write_a_folder_make_one_result(tmp_path, monkeypatch):
    (tmp_path / "videos").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    spellings = ["videos", "./videos/", "../" + tmp_path.name + "/videos", "~/videos", str(tmp_path / "videos")]
    configs = [Config.profile("smoke", data=data) for data in spellings]
    assert {config.data for config in configs} == {str(tmp_path / "videos")}
    assert len({config.name for config in configs}) == 1


def test_the_device_counts_by_its_kind():
    assert Config.profile("lab", device="cpu").name == replace(Config.profile("lab"), device="cpu").name
    with pytest.raises(ValueError, match="device='gpux'"):
        Config.profile("lab", device="gpux").to_json()
    assert Config.profile("gpu", device="cuda:1").to_json()["device"] == "cuda"  # readable where there is no GPU


def test_settings_of_another_version_say_so():
    settings = Config.profile("lab").to_json()
    assert Config.from_json(settings).name == Config.profile("lab").name
    del settings["num_sources"]
    with pytest.raises(ValueError, match="another version of the kit: they lack num_sources. Run it again"):
        Config.from_json(settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(steps="200"), "steps='200': steps is a whole number"),
        (dict(hop=1024), "hop=1024: hop must be below window=1024"),
        (dict(hop=2000, window=512), "hop=2000: hop must be below window=512"),
        (dict(clips_per_class=5), "clips_per_class=5: clips_per_class is a list of three whole numbers"),
        (dict(clips_per_class=(3, 2, "2")), "clips_per_class is a list of three whole numbers"),
        (dict(clips_per_class=(3, 2.0, 2)), "clips_per_class is a list of three whole numbers"),
        (dict(clips_per_class=(3, 0, 2)), "is three numbers, each 1 .. 1000: training, validation, test"),
        (dict(classes=(1, 2)), "classes=.1, 2.: classes is a list, even of one, of names in quotes"),
        (dict(classes=7), "classes=7: classes is a list, even of one, of names in quotes"),
        (dict(gain=1.0), "gain=1.0: gain must be 0 or more and below 1"),
        (dict(memory_share=1.0), "memory_share=1.0: memory_share must be 0 or more and below 1"),
        (dict(data=""), "data='': give 'mini' or a folder of videos"),
        (dict(data=3), "data=3: data is text in quotes"),
        (dict(shuffle_classes=1), "shuffle_classes=1: shuffle_classes is True or False"),
        (dict(tasks=2.5), "tasks=2.5: tasks is a whole number"),
        (dict(seed=True), "seed=True: seed is a whole number"),
        (dict(gain="x"), "gain='x': gain is a number"),
        (dict(learning_rate=float("nan")), "learning_rate=nan: learning_rate is a number"),
        (dict(classes="tuba"), "classes='tuba': classes is a list, even of one"),
        (dict(distillation="x"), "distillation='x': distillation is a number"),
        (dict(temperature="x"), "temperature='x': temperature is a number"),
        (dict(method="ewc", mixtures=2.5), "mixtures=2.5: mixtures is a whole number"),
        (
            dict(teacher_batch_statistics="no"),
            "teacher_batch_statistics='no': teacher_batch_statistics is True or False",
        ),
        (dict(distillation=float("inf")), "distillation=inf: distillation is a number"),
        (dict(contrast_when="latter"), "contrast_when='latter': did you mean 'later'"),
        (dict(method="lwf", old_queries=1), "old_queries=1: old_queries is text in quotes"),
        (dict(exemplars=0), "exemplars=0: method 'contav' makes no sense without a memory"),
        (dict(method="replay", memory_share=0.0), "memory_share=0: method 'replay' makes no sense without a memory"),
    ],
)
def test_values_of_the_wrong_kind_are_refused_by_name(settings, message):
    with pytest.raises(ValueError, match=message):
        Config.profile("lab", **settings)


def test_sizes_that_do_not_fit_are_told_when_the_separator_is_made_at_the_latest():
    with pytest.raises(ValueError, match="makes no iquery"):
        make_separator(Config.profile("lab", levels=3), 3)


def test_joint_training_keeps_no_exemplars_whatever_is_asked():
    assert Config.profile("lab", method="joint", exemplars=3) == Config.profile("lab", method="joint")


@pytest.mark.parametrize(
    "settings",
    [
        dict(tasks=0),
        dict(batch_size=0),
        dict(steps=0),
        dict(num_sources=1),
        dict(num_sources=5),
        dict(exemplars=-1),
        dict(memory_share=1.0),
        dict(memory_share=-0.1),
        dict(same_class_share=1.5),
        dict(gain=1.0),
        dict(learning_rate=0.0),
        dict(learning_rate=float("nan")),
        dict(later_learning_rate=-1e-3),
        dict(weight_decay=-1.0),
        dict(warmup_steps=-1),
        dict(clip_gradient=-1.0),
        dict(seed=-1),
        dict(schedule="linear"),
        dict(motion="none"),
        dict(select_on="old"),
        dict(validations=0),
        dict(clips_per_class=(3, 2)),
    ],
    ids=str,
)
def test_values_that_make_no_sense_are_refused(settings):
    (name,) = settings
    with pytest.raises(ValueError, match=f"^{name}="):
        Config.profile("lab", **settings)


def test_bad_classes_and_weights_are_refused():
    with pytest.raises(ValueError, match="tuba stands more than once"):
        Config.profile("lab", classes=("tuba", "violin", "tuba"), tasks=2)
    with pytest.raises(ValueError, match="2 classes can't be split into 4 tasks"):
        Config.profile("lab", classes=("tuba", "violin"))
    with pytest.raises(ValueError, match=r"distillation=-1.*can't be negative"):
        Config.profile("lab", distillation=-1)


def test_steps_count_or_epochs():
    one, joint = (Task(2, (), (), tuple(range(60)), tuple(range(5)), at_hand) for at_hand in (1, 3))
    assert Config.profile("lab", steps=17).steps_in_task(one) == 17
    assert Config.profile("lab", steps=17).steps_in_task(joint) == 51  # epochs would grow like that, too
    whole = dict(epochs=3, batch_size=32, clip_repeats=1, exemplar_repeats=1)
    assert Config.profile("paper", **whole).steps_in_task(one) == 6  # 65 clips: two whole batches, three times
    assert Config.profile("paper", **{**whole, "batch_size": 66}).steps_in_task(one) == 3  # one batch at least
    # 2 x 60 clips and 8 x 5 exemplars: five batches.
    assert Config.profile("paper", **{**whole, "clip_repeats": 2, "exemplar_repeats": 8}).steps_in_task(one) == 15


def test_lists_become_tuples_and_json_holds_everything():
    config = Config.profile("lab", classes=["tuba", "violin"], tasks=2, clips_per_class=[3, 2, 2])
    assert config.classes == ("tuba", "violin") and config.clips_per_class == (3, 2, 2)
    later = {"threads", "processes", "compile", "on_unusable", "same_video"}
    assert config.to_json().keys() == {entry.name for entry in fields(Config)} - later | {"results_version"}


def test_what_came_later_leaves_the_names_of_earlier_results_as_they_are():
    config = Config.profile("lab", device="cpu")
    assert config.threads == 1 and "threads" not in config.to_json()
    assert Config.from_json(config.to_json()) == config
    two = replace(config, threads=2)
    assert two.name != config.name and Config.from_json(two.to_json()) == two
    assert config.processes == 1 and "processes" not in config.to_json()
    assert len({replace(config, processes=count).name for count in (1, 2, 3)}) == 3
    on_gpu = Config.profile("gpu", device="cuda")  # where the processor's threads do not count
    assert on_gpu.threads == 0 and replace(on_gpu, threads=2).name == on_gpu.name
