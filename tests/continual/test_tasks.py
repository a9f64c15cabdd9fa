"""The schedule: disjoint tasks, a memory that grows and never changes, and clear refusals."""

import pytest

from contav_lib.continual.tasks import clips_needed, make_schedule, split_classes

CLASSES = list("abcdefgh")
LABELS = [label for label in CLASSES for _ in range(5)]


def schedule(num_tasks=4, exemplars=1, **options):
    return make_schedule(LABELS, split_classes(CLASSES, num_tasks), exemplars, **options)


def test_tasks_are_disjoint_and_cover_all_classes():
    tasks = schedule()
    assert [task.classes for task in tasks] == [(0, 1), (2, 3), (4, 5), (6, 7)]
    assert [task.seen for task in tasks] == [tuple(range(n)) for n in (2, 4, 6, 8)]
    clips = [clip for task in tasks for clip in task.clips]
    assert sorted(clips) == list(range(40))
    for task in tasks:
        assert {CLASSES.index(LABELS[clip]) for clip in task.clips} == set(task.classes)


def test_uneven_splits_put_more_into_the_first_tasks():
    assert [len(part) for part in split_classes(CLASSES, 3)] == [3, 3, 2]


@pytest.mark.parametrize("exemplars", [0, 1, 5])
def test_the_memory_holds_so_many_clips_of_every_old_class_and_keeps_them(exemplars):
    tasks = schedule(exemplars=exemplars)
    assert tasks[0].memory == ()
    for before, after in zip(tasks, tasks[1:], strict=False):
        assert after.memory[: len(before.memory)] == before.memory
        remembered = [CLASSES.index(LABELS[clip]) for clip in after.memory]
        assert sorted(remembered) == sorted(list(before.seen) * exemplars)
        assert len(set(after.memory)) == len(after.memory) and not set(after.memory) & set(after.clips)


def test_the_seed_decides_what_is_remembered():
    assert schedule(seed=1) == schedule(seed=1)
    assert len({schedule(seed=seed)[-1].memory for seed in range(5)}) == 5


def test_more_exemplars_keep_the_first_ones():
    few, many = schedule(exemplars=1)[-1].memory, schedule(exemplars=3)[-1].memory
    assert set(few) <= set(many)


def test_joint_training_sees_all_clips_so_far_and_needs_no_memory():
    tasks = schedule(exemplars=1, joint=True)
    assert [len(task.clips) for task in tasks] == [10, 20, 30, 40]
    assert [task.num_tasks_in_data for task in tasks] == [1, 2, 3, 4] and schedule()[3].num_tasks_in_data == 1
    assert all(task.memory == () for task in tasks)
    assert tasks[0].clips == schedule()[0].clips


def test_duplicate_classes_are_refused():
    with pytest.raises(ValueError, match="b stands more than once"):
        split_classes(["a", "b", "c", "b"], 2)


@pytest.mark.parametrize("tasks", [0, 9])
def test_impossible_numbers_of_tasks_are_refused(tasks):
    with pytest.raises(ValueError, match=f"8 classes can't be split into {tasks} tasks"):
        split_classes(CLASSES, tasks)


def test_a_memory_larger_than_a_class_is_refused():
    with pytest.raises(ValueError, match="6 exemplars a class were asked for, but 'a' has 5"):
        schedule(exemplars=6)
    with pytest.raises(ValueError, match="-1 exemplars a class were asked for"):
        schedule(exemplars=-1)


def test_a_class_without_clips_is_named_with_those_there_are():
    with pytest.raises(ValueError, match=r"no training clip of 'z'\. There are clips of: a, b"):
        make_schedule(LABELS, [["a"], ["z"]], 1)


@pytest.mark.parametrize("num_sources", [2, 3])
def test_clips_needed_are_those_that_mixtures_of_different_clips_take(num_sources):
    needed = clips_needed([["a"], ["b", "c"], ["d"]], num_sources)
    half = -(-num_sources // 2)
    assert needed["train"] == needed["test"] == {"a": num_sources, "b": half, "c": half, "d": num_sources}
    assert needed["validation"] == {"a": num_sources, "b": 1, "c": 1, "d": 1}  # mixed with all classes before
    assert clips_needed([["a"], ["b", "c"], ["d"]], num_sources, validate_on_new=True)["validation"] == needed["test"]
