"""What a lesson takes from stored results: the results themselves, and words for what their numbers say."""

from collections.abc import Mapping

from contav_lib.evaluation.failures import KINDS
from contav_lib.experiments.plans import Plan, run_plan
from contav_lib.experiments.reproduction import MINUTES
from contav_lib.experiments.result import NothingStored, Result
from contav_lib.experiments.run import is_finished


def stored(plan: Plan, train_now: bool = False) -> dict[str, list[Result]]:
    """The results of a lesson's experiments, under the plan's names.

    Args:
        plan: of `experiments.plans.over_seeds`.
        train_now: train those that are not stored, side by side.

    Raises:
        NothingStored: some are not stored, and `train_now` is False; one line says how long training takes.
    """
    configs = [config for of_row in plan.values() for config in of_row]
    todo = [config for config in configs if not is_finished(config)]
    if todo and not train_now:
        minutes = len(todo) * MINUTES.get(todo[0].name_of_profile, 0)
        time = f"about {max(minutes, 1):.0f} minutes of one core" if minutes else "hours, on a GPU"
        raise NothingStored(
            f"{len(todo)} of {len(configs)} experiments are not stored: {time}. "
            "To train now, write train_now=True in this cell and run it again; `make run` trains them, too."
        )
    return run_plan(plan)


def ranked(values: Mapping[str, float], unit: str = " dB", digits: int = 1) -> str:
    """Names with their values, from the highest to the lowest: "replay 4.3 dB, fine-tuning 1.0 dB"."""
    order = sorted(values.items(), key=lambda entry: -entry[1])
    return ", ".join(f"{name} {value:.{digits}f}{unit}" for name, value in order)


def against(
    one: float, other: float, more: str = "more", less: str = "less", unit: str = " dB", digits: int = 1
) -> str:
    """How one number differs from another, in words: "0.5 dB less (3.4 against 3.9)".

    It is the difference of the numbers as they are written; where they are written alike, "no different (3.4)".
    """
    one, other = (round(float(each), digits) + 0.0 for each in (one, other))  # + 0.0 makes 0 of -0
    if one == other:
        return f"no different ({one:.{digits}f})"
    difference = f"{abs(one - other):.{digits}f}{unit} {more if one > other else less}"
    return f"{difference} ({one:.{digits}f} against {other:.{digits}f})"


def failures(results: Mapping[str, Result]) -> str:
    """The words for what is wrong with a separated sound, with their rules, and how often each fits, as a list in Markdown.

    Counted are all sounds of the stored examples, as they were separated after the last task.
    """
    heard = {}
    for name, result in results.items():
        after = [example["scores"][max(example["scores"])] for example in result.examples()]
        heard[name] = [sound["kind"] for sounds in after for sound in sounds if sound]
    lines = [f"The first that fits, counted in {len(next(iter(heard.values())))} sounds after the last task:", ""]
    for kind, rule in KINDS.items():
        counts = ", ".join(f"{name} {kinds.count(kind)}" for name, kinds in heard.items())
        lines.append(f"- **{kind}**: {rule}. *{counts}*")
    return "\n".join(lines)
