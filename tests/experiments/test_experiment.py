"""Experiments end to end: what a result holds, when it is made, and that chance is under control."""

import json
import shutil
import threading
import time
from collections import Counter
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
import torch
from samples import CLASSES, RATE, assert_equal_weights, new_home

from contav_lib import run, run_all
from contav_lib.continual import exemplars
from contav_lib.datasets import folder, load, packed
from contav_lib.evaluation.failures import KINDS, heard_as
from contav_lib.experiments.run import (
    Experiment,
    experiment_lock,
    is_finished,
)
from contav_lib.experiments.setup import Setup, make_separator
from contav_lib.media import read_audio
from contav_lib.training.optimizers import Optimizers
from contav_lib.training.trainer import NonFiniteLoss, Trainer
from contav_lib.utils import paths

pytestmark = pytest.mark.slow


def test_what_a_result_holds(reference):
    assert reference.summary().keys() == {"sdr", "sir", "sar", "sdr_improvement", "forgetting", "backward_transfer"}
    assert all(np.isfinite(value) for value in reference.summary().values())
    assert reference.classes == list(CLASSES) and [len(task) for task in reference.tasks] == [2, 2]
    for metric in ("sdr", "sir", "sar", "si_sdr", "sdr_improvement"):
        matrix = reference.matrix(metric)
        assert matrix.shape == (2, 2) and np.isnan(matrix[0, 1]) and np.isnan(matrix).sum() == 1
        assert np.isfinite(reference.over_all_seen(metric)).all()
    assert reference.summary()["sdr"] == reference.over_all_seen("sdr")[-1]
    sdr = reference.matrix()
    assert reference.summary()["backward_transfer"] == pytest.approx(sdr[1, 0] - sdr[0, 0])
    assert reference.dropped == 0 and reference.minutes > 0 and "forgetting" in repr(reference)
    with pytest.raises(ValueError, match="score called 'pesq'; there are sdr"):
        reference.matrix("pesq")


def test_scores_of_single_mixtures_are_kept(home, tiny):
    config = tiny(test_mixtures=5, steps=2)
    result = run(config, progress=False)
    setup = Setup.build(config)
    labels = dict(zip(setup.test.ids, (setup.classes[number] for number in setup.test.classes), strict=True))
    seen = result.mixture_scores()
    assert seen.clips.shape == (10, 2) and set(seen.labels.flat) <= set(CLASSES)
    for metric in ("sdr", "sir", "sar", "si_sdr", "sdr_improvement"):
        assert seen.of(metric).mean() == pytest.approx(result.over_all_seen(metric)[-1])
    for number, task in enumerate(result.tasks):
        own = result.task_mixture_scores(number)
        assert own.scores["sdr"].shape == (2, 5, 2) and set(own.labels.flat) <= set(task)
        np.testing.assert_allclose(own.of("sdr").mean(1), result.matrix()[:, number])
        assert own.labels.tolist() == [[labels[clip] for clip in clips] for clips in own.clips.tolist()]
    by_class, own = result.class_matrix(), result.task_mixture_scores(0)
    assert by_class.shape == (2, 4) and np.isnan(by_class[0, 2:]).all() and np.isfinite(by_class[1]).all()
    assert by_class[1, 0] == pytest.approx(own.scores["sdr"][1][own.labels == result.classes[0]].mean())


def test_separators_of_every_task_are_kept(reference):
    assert [reference.separator(task).num_classes for task in (0, 1, -1)] == [2, 4, 4]
    assert not reference.separator().training


def test_examples_can_be_heard_and_say_what_they_are(reference):
    examples = reference.examples()
    assert [example["task"] for example in examples] == [0, 1]
    for example in examples:
        task = example["task"]
        assert set(example["labels"]) <= set(reference.tasks[task])
        assert list(example["separated"]) == list(example["scores"]) == list(range(task, 2))
        truth = torch.stack([read_audio(path, RATE) for path in example["truth"]])
        mixture = read_audio(example["mixture"], RATE)
        assert truth.shape == (2, 6 * RATE) and torch.allclose(truth.sum(0), mixture, atol=2e-4)
        for after, files in example["separated"].items():
            heard = torch.stack([read_audio(path, RATE) for path in files])
            for measured, stored in zip(heard_as(truth, heard), example["scores"][after], strict=True):
                assert stored["kind"] in KINDS and measured["sdr"] == pytest.approx(stored["sdr"], abs=0.1)


def test_running_again_returns_the_stored_result(finished, reference, no_training):
    assert is_finished(finished)
    assert run(finished, progress=False).summary() == reference.summary()
    assert run_all([finished, finished])[1].summary() == reference.summary()


def test_fresh_trains_anew(finished, reference, no_training):
    with pytest.raises(AssertionError, match="trained again"):
        run(finished, fresh=True, progress=False)
    assert not is_finished(finished) and not (paths.runs() / finished.name / "checkpoints").exists()


def test_the_seed_decides(home, tiny, reference):
    again, other = run(tiny(seed=0), progress=False), run(tiny(seed=1), progress=False)
    assert again.folder != reference.folder
    assert again.summary() == reference.summary() and again.summary() != other.summary()
    assert_equal_weights(again, reference)


def test_test_mixtures_are_the_same_for_all_seeds_and_methods(home, tiny):
    def mixtures(**settings):
        setup = Setup.build(tiny(test_mixtures=5, **settings))
        drawn = [mix(setup.test, task, 5) for task in (0, 1) for mix in (setup.mix_task, setup.mix_seen)]
        assert all(torch.equal(drawn[2 * task].clips, own.clips) for task, own in enumerate(setup.task_mixtures))
        return [(setup.test.ids, draw.clips.tolist(), draw.starts.tolist(), draw.gains.tolist()) for draw in drawn]

    expected = mixtures()
    assert all(mixtures(seed=seed, method=method) == expected for seed in (0, 3) for method in ("joint", "finetune"))
    assert len({json.dumps(one) for one in expected[::2]}) == 2
    assert expected[0] != expected[1]


def test_in_another_order_of_learning_the_last_test_mixtures_are_the_same(home, tiny):
    def order_and_mixtures(seed):
        setup = Setup.build(tiny(test_mixtures=5, shuffle_classes=True, seed=seed))
        draw = setup.seen_mixtures[-1]
        return setup.classes, ([setup.test.ids[clip] for clip in draw.clips.flatten()], draw.starts.tolist())

    orders, mixtures = zip(*map(order_and_mixtures, range(3)), strict=True)
    assert len(set(map(tuple, orders))) > 1 and sorted(orders[0]) == sorted(orders[1])
    assert mixtures[0] == mixtures[1] == mixtures[2]


def test_side_by_side_equals_one_after_another(home, tiny, reference):
    configs = [tiny(), tiny(method="finetune"), tiny()]
    results = run_all(configs, workers=2)
    assert [result.folder.name for result in results] == [config.name for config in configs]
    assert results[0].summary() == reference.summary()
    assert_equal_weights(results[0], reference)
    by_itself = run(configs[1], fresh=True, progress=False)
    assert by_itself.summary() == results[1].summary()


def test_the_upper_bound_and_more_sources(home, tiny):
    result = run(tiny(method="joint", num_sources=3, steps=2), progress=False)
    assert len(result.examples()[1]["truth"]) == 3 and np.isfinite(result.summary()["sdr"])


def test_numbers_do_not_hang_on_the_threads_of_the_process(home, tiny, tmp_path, monkeypatch):
    """`run` where torch has two threads, and `run_all` in processes of its own: the same files, byte for byte."""
    sizes = dict(frames=32, bins=128, width=12, mask_dim=16, hidden=48, heads=4, feed_forward=96, batch_size=4, steps=4)
    configs = [tiny(**sizes, test_mixtures=4, seed=seed) for seed in (0, 1)]
    one = run_all(configs, workers=2)[0]
    monkeypatch.setenv("CONTAV_HOME", str(new_home(home, tmp_path / "other")))
    torch.set_num_threads(2)
    try:
        other = run(configs[0], progress=False)
        assert torch.get_num_threads() == 2  # as they were before
    finally:
        torch.set_num_threads(1)
    files = ["matrix.json", "mixtures.json", *(f"checkpoints/task_{task}.safetensors" for task in (1, 2))]
    assert one.folder != other.folder
    assert all((one.folder / file).read_bytes() == (other.folder / file).read_bytes() for file in files)


@pytest.mark.parametrize("fresh", [False, True])
def test_joint_training_begins_a_task_where_the_setting_says(home, tiny, monkeypatch, fresh):
    """Either with the last task's weights, or with new ones from the seed, for all classes seen, at the first task's rate."""
    first_rates = []
    monkeypatch.setattr(
        "contav_lib.training.trainer.Optimizers",
        lambda *arguments, first_task: first_rates.append(first_task) or Optimizers(*arguments, first_task=first_task),
    )
    config = tiny(method="joint", steps=2, joint_from_scratch=fresh)
    result = run(config, progress=False)
    assert first_rates == [True, fresh]
    experiment = Experiment(config, result.folder, (), progress=False)
    separator, _ = experiment._before(experiment.schedule[1])
    if fresh:
        torch.manual_seed(config.seed)
        expected = make_separator(config, 4)
    else:
        expected = result.separator(0)
    assert separator.num_classes == expected.num_classes == (4 if fresh else 2)
    weights, others = separator.state_dict(), expected.state_dict()
    assert weights.keys() == others.keys() and all(torch.equal(value, others[key]) for key, value in weights.items())


def test_chosen_classes_are_learned_in_the_order_given(home, tiny):
    config = tiny(method="finetune", classes=("flute", "banjo"), steps=2)
    assert Setup.build(config).classes == ["flute", "banjo"]
    assert run(config, progress=False).tasks == [["flute"], ["banjo"]]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(classes=("banjo", "flutte")), "no class 'flutte' in the data .*; did you mean 'flute'"),
        (dict(tasks=4, num_sources=4), "(?s)'banjo': 3 of at least 4 for train, .*'flute': .*2 of at least 4 for test"),
        (dict(tasks=4, num_sources=3, select_on="new"), "'flute': 2 of at least 3 for validation"),
        (dict(exemplars=4), "4 exemplars a class were asked for, but 'banjo' has 3"),
        (dict(tasks=5), "4 classes can't be split into 5 tasks"),
        (dict(data="no/such/folder"), "no such folder"),
        (dict(frames=18), "frames must be a multiple of 16"),
    ],
)
def test_settings_that_do_not_fit_the_data_are_told(home, tiny, settings, message):
    with pytest.raises(ValueError, match=message):
        run(tiny(**settings), progress=False)


def test_from_scratch_every_task_begins_with_the_same_weights(home, tiny, monkeypatch):
    begun = {}

    def learn(self, task, validation):
        begun[self.method.name, task.index] = {k: v.clone() for k, v in self.separator.state_dict().items()}
        return learned(self, task, validation)

    learned = Trainer.learn
    monkeypatch.setattr(Trainer, "learn", learn)
    results = {name: run(tiny(method=name), progress=False) for name in ("scratch", "finetune")}
    first, second = begun["scratch", 0], begun["scratch", 1]
    assert len(second["predictor.queries.weight"]) == 4  # as many classes as the task has seen
    assert all(torch.equal(value, second[name]) for name, value in first.items() if name.startswith("unet."))
    name = "unet.input_norm.weight"
    learned_first = {method: result.separator(0).state_dict()[name] for method, result in results.items()}
    assert not torch.equal(learned_first["scratch"], second[name])
    assert torch.equal(learned_first["finetune"], begun["finetune", 1][name])


def test_clips_are_told_by_looks_and_sound_where_these_are_held_against_each_other(home, tiny, monkeypatch):
    split = []
    config = tiny(exemplar_choice="audiovisual")
    setup = Setup.build(config)
    train, rule = setup.train, exemplars.CHOICES["audiovisual"]

    def chosen(features, random, sound_values):
        split.append((features.shape[1] - sound_values, sound_values))
        return rule(features, random, sound_values)

    monkeypatch.setitem(exemplars.CHOICES, "audiovisual", chosen)
    tasks = setup.schedule
    assert split == [(train.object_embeddings().shape[1], config.bins)] * 4 and len(set(tasks[-1].kept)) == 4


def test_steps_are_counted_beforehand(home, tiny):
    def steps(**settings):
        return Setup.build(tiny(**settings)).steps

    assert steps() == 2 * 6 and steps(method="joint") == 6 + 12
    assert steps(method="finetune", steps=None, epochs=2) == 2 * 2 * 3  # of 6 clips, 2 a batch


def test_paths_lie_in_the_home(home):
    assert paths.runs() == home / "runs" and paths.generated("x") == home / "data" / "x"


def test_a_failed_experiment_ends_the_others_that_have_not_begun(home, tiny):
    astray = tiny(instance_weight=1e39)  # beyond float32; of those that are as long, the first comes first
    with pytest.raises(NonFiniteLoss, match="not finite"):
        run_all([astray, *(tiny(seed=seed) for seed in range(1, 7))], workers=2)
    assert not all(is_finished(tiny(seed=seed)) for seed in range(1, 7))


def test_what_another_process_runs_is_waited_for(home, tiny, capsys):
    config = tiny(method="finetune")
    folder = paths.runs() / config.name
    began = threading.Event()

    def other():
        with experiment_lock(folder):
            began.set()
            time.sleep(1)

    thread = threading.Thread(target=other)
    thread.start()
    began.wait()
    run(config, progress=False)
    thread.join()
    assert f"Another process runs {config.name}" in capsys.readouterr().out and is_finished(config)


def test_a_run_looks_into_the_folder_of_its_data_once(home, tiny, monkeypatch):
    calls = Counter()

    def counted(module, name):
        function = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *given, **named: (calls.update([name]), function(*given, **named))[1])

    load._load.cache_clear()  # as in a process of its own
    counted(packed.Pack, "read")
    counted(folder, "find_clips")
    counted(folder.Folder, "digest")
    config = tiny(method="finetune", steps=2)
    assert calls == {"digest": 1}
    run(config, progress=False)
    assert config.name and calls == {"digest": 2, "find_clips": 1, "read": 1}


def test_videos_that_changed_since_the_settings_were_made_are_told(home, tiny, video_folder, tmp_path):
    videos = tmp_path / "videos"
    shutil.copytree(video_folder, videos)
    config = tiny(data=str(videos))
    (videos / "banjo/train0.mp4").write_bytes(b"1")
    with pytest.raises(ValueError, match="have changed since these settings were made"):
        run(config, progress=False)
    assert tiny(data=str(videos)).name != config.name


def test_a_result_is_found_where_its_videos_have_moved(home, tiny, video_folder, tmp_path, monkeypatch):
    videos = shutil.copytree(video_folder, tmp_path / "videos")
    before = run(tiny(data=str(videos), method="finetune", steps=2), progress=False)
    (videos / ".DS_Store").write_bytes(b"1")
    moved = tiny(data=str(videos.rename(tmp_path / "moved")), method="finetune", steps=2)
    monkeypatch.setattr(Trainer, "learn", None)  # nothing is trained
    result = run(moved, progress=False)
    assert result.folder == before.folder and result.config["data"] == str(tmp_path / "moved")


def test_an_experiment_on_silence_ends_and_says_so(home, tiny, monkeypatch):
    corpus = load.load_data(tiny().data)
    silent = [replace(clip, waveform=torch.zeros_like(clip.waveform)) for clip in corpus.clips]
    monkeypatch.setattr("contav_lib.experiments.setup.load_data", lambda *data: replace(corpus, clips=silent))
    config = tiny(method="finetune", steps=2)
    result = run(config, progress=False)
    assert is_finished(config) and result.dropped == 2 and "sdr nan" in repr(result)
    assert all(np.isnan(value) for value in result.summary().values())


def test_only_what_is_asked_for_is_made(home, tiny):
    setup = Setup.build(tiny())
    assert setup.test is setup.test and len(setup.schedule) == 2 and setup.steps == 12
    assert not {"train", "validation", "task_mixtures", "selection_mixtures"} & vars(setup).keys()
    with pytest.raises(FrozenInstanceError):
        setup.tasks = []


def test_a_setup_and_its_corpus_are_shown_in_one_line(home, tiny):
    setup = Setup.build(tiny())
    corpus = "Corpus(clips=28, classes=4, unusable=0, audio_rate=11025)"
    assert repr(setup.corpus) == corpus
    assert repr(setup) == f"Setup({tiny().name!r}, {corpus}, classes=4, tasks=[2, 2], device='cpu')"
