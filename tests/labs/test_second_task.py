"""The small training of the labs."""

from types import SimpleNamespace

from contav_lib.experiments.result import Result, checkpoint_file
from contav_lib.experiments.run import is_finished
from contav_lib.teaching.labs import second_task as module
from contav_lib.utils import paths


def test_what_learned_task_1_by_other_settings_is_kept_apart(finished, tiny, monkeypatch):
    def profile(name, **settings):
        return tiny(**settings)

    known = Result(paths.runs() / finished.name)
    small = dict(SMALL={}, starter=lambda names: {module.STATE: known}, Config=SimpleNamespace(profile=profile))
    for name, value in small.items():
        monkeypatch.setattr(module, name, value)
    learned = module.second_task(steps=4)
    assert learned.folder == paths.runs() / "labs" / tiny(steps=4).name
    assert checkpoint_file(learned.folder, 0).read_bytes() == checkpoint_file(known.folder, 0).read_bytes()
    assert is_finished(tiny(steps=4), paths.runs() / "labs") and not is_finished(tiny(steps=4))
