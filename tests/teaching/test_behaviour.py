"""Exercises whose answer is a function: typical wrong answers are told what is wrong with them, solutions are right."""

import runpy
import signal
import time

import nbformat
import numpy as np
import pytest
import torch
from torch.nn.functional import cosine_similarity, normalize, scaled_dot_product_attention

from contav_lib.teaching import behaviour
from contav_lib.teaching.behaviour import CODED, own_or_kit
from contav_lib.teaching.check import EXERCISES, NotYet, check
from contav_lib.teaching.notebooks import NOTEBOOKS
from contav_lib.utils.registry import import_all

import_all("contav_lib.teaching.exercises")


def power_spectra(crops):
    power = crops.square().mean(3)
    return (power / power.sum(2, keepdim=True)).mean(1)


def shares(spectra):
    return spectra / spectra.sum(0).clamp(min=1e-9)


def attention(query, tokens, padded, scale=0.5):
    scores = torch.einsum("rd,rsd->rs", query, tokens) / query.shape[1] ** scale
    return scores.masked_fill(padded, -1e30).softmax(1)


def heard(shares, tokens):
    return torch.einsum("rs,rsd->rd", shares, tokens)


def dots(a, b):
    return normalize(a, dim=1) @ normalize(b, dim=1).T


def at_positives(values, positives):
    return -(values.where(positives, 0).sum(1) / positives.sum(1)).mean()


def halves(change):
    return change[:, :, None, None].chunk(2, 1)


def cosine(looks, prototypes):
    return normalize(looks, dim=1) @ prototypes.T


def nearest(moments, stamps):
    return (moments[:, None] - stamps).abs().argmin(1)


def sides(a, b):
    return torch.minimum(a[:, None, 2:], b[:, 2:]) - torch.maximum(a[:, None, :2], b[:, :2])


def areas(boxes):
    return (boxes[:, 2:] - boxes[:, :2]).prod(1)


def union(shared, a, b):
    return shared / (areas(a)[:, None] + areas(b) - shared)


def best_of_columns(matrix):
    return np.nanmax(matrix[:-1, :-1], axis=0)


# For each exercise what learners write, and a word of what they are told.
WRONG = {
    "ratio mask": [
        (lambda m, s: m / (s + 1e-8), "range"),
        (lambda m, s: (m / (s + 1e-8)).clamp(0, 1), "cuts off too early"),
        (lambda m, s: (m / (m.sum(1, True) + 1e-8)).clamp(0, 5), "Waves cancel"),
        (lambda m, s: (m**2 / (s**2 + 1e-10)).clamp(max=5), "power"),
        (lambda m, s: (m / s).clamp(0, 5), "0 by 0"),
        (lambda m, s: m / s, "two things"),
        (lambda m, s: (s / (m + 1e-10)).clamp(0, 5), "upside down"),
        (lambda m, s: (m / (s + 1e-10)).clamp(0, 5).sum(1), "shape"),
        (lambda m, s: torch.stack([(a / (b + 1e-10)).clamp(0, 5) for a, b in zip(m, s, strict=True)]), "loop"),
    ],
    "class spectra to masks": [
        (lambda c: shares(power_spectra(c.sqrt())), "square"),
        (lambda c: shares(c.square().mean((1, 3))), "loud crop"),
        (power_spectra, "sum to 1 in every row"),
        (lambda c: power_spectra(c) / power_spectra(c).sum(1, keepdim=True), "sum to 1 in every row"),
        (lambda c: shares(power_spectra(c.mean(3, keepdim=True))), "mean of the squares"),
        (lambda c: power_spectra(c) / power_spectra(c).sum(0), "0 by 0"),
        (lambda c: shares(power_spectra(c)).T, "shape"),
        (lambda c: shares(torch.stack([power_spectra(c[:, i : i + 1]) for i in range(c.shape[1])]).mean(0)), "loop"),
    ],
    "mask head": [
        (lambda w, m: torch.einsum("bnc,bcft->bnft", w, m), "what makes a mask"),
        (lambda w, m: torch.einsum("bnc,bcft->bnft", w, m).softmax(1), "share each pixel"),
        (lambda w, m: (w[..., None, None] * m[:, None]).mean(2).sigmoid(), "mean is not a sum"),
        (lambda w, m: torch.einsum("bnc,bcft->bnft", w, m.sigmoid()), "then the sigmoid"),
        (lambda w, m: torch.einsum("bnc,bcft->bnft", w, m).neg().sigmoid(), "sign"),
        (lambda w, m: (w[..., None, None] * m[:, None]).sum(1).sigmoid(), "shape"),
        (lambda w, m: torch.einsum("bnc,bcft->bnft", w.detach(), m).sigmoid(), "comes back to weights"),
        (lambda w, m: torch.stack([torch.einsum("nc,cft->nft", *p) for p in zip(w, m, strict=True)]).sigmoid(), "loop"),
    ],
    "masked attention": [
        (lambda q, t, p: heard(attention(q, t, ~p), t), "True means that there is nothing"),
        (lambda q, t, p: heard(attention(q, t, p & False), t), "`padded` is not used"),
        (lambda q, t, p: heard(attention(q, t, p & False) * ~p, t), "after the softmax"),
        (lambda q, t, p: heard(attention(q, t, p, scale=0), t), "not scaled"),
        (lambda q, t, p: heard(attention(q, t, p, scale=1), t), "root"),
        (lambda q, t, p: heard(((q[:, None] * t).sum(2) / q.shape[1] ** 0.5 + p).softmax(1), t), "favours the padding"),
        (lambda q, t, p: (attention(q, t, p)[:, :, None] * t).mean(1), "their mean is too small"),
        (lambda q, t, p: attention(q, t, p), "shape"),
        (lambda q, t, p: heard(attention(q, t, p).detach(), t), "gradient"),
    ],
    "forgetting": [
        (lambda r: (r[-1, :-1] - best_of_columns(r)).mean(), "sign"),
        (lambda r: (np.diag(r) - r[-1])[:-1].mean(), "diagonal"),
        (lambda r: (np.max(r[:-1], axis=0)[:-1] - r[-1, :-1]).mean(), "NaN"),
        (lambda r: (r.max(0) - r[-1])[:-1].mean(), "not measured"),
        (lambda r: (best_of_columns(r) - r[-1, :-1]).sum() / len(r), "newest"),
        (lambda r: (np.nanmax(r, axis=0) - r[-1]).max(), "small matrix"),
        (lambda r: (np.nanmax(r, axis=0) - r[-1])[:-1].mean(), "never be negative"),
        (lambda r: (np.nanmax(r[:-1], axis=1) - r[-1, :-1]).mean(), "A task's story is a column"),
        (lambda r: best_of_columns(r) - r[-1, :-1], "shape"),
    ],
    "backward transfer": [
        (lambda r: (np.diag(r) - r[-1])[:-1].mean(), "sign"),
        (lambda r: (r[-1, :-1] - best_of_columns(r)).mean(), "not from the best"),
        (lambda r: (r[-1] - np.diag(r)).mean(), "newest"),
        (lambda r: (r[-1] - np.diag(r)).sum(), "sum"),
        (lambda r: (r[-1] - r[0])[:-1].mean(), "first row"),
        (lambda r: (r[-1] - r[-2])[:-1].mean(), "row before the last"),
    ],
    "herding": [
        (lambda f, n: np.linalg.norm(f - f.mean(0), axis=1).argsort()[:n].tolist(), "each by itself"),
        (lambda f, n: [int(np.linalg.norm(f - f.mean(0), axis=1).argmin())] * n, "first two choices"),
        (lambda f, n: np.linalg.norm(f - f.mean(0), axis=1).argsort()[::-1][:n], "odd ones"),
        (lambda f, n: np.random.default_rng().permutation(len(f))[:n], "chance"),
        (lambda f, n: sorted(CODED["herding"].reference(f, n)), "sorted"),
        (lambda f, n: f[CODED["herding"].reference(f, n)], "shape"),
        (lambda f, n: CODED["herding"].reference(f, n + 1)[1:], "first two choices"),
    ],
    "mask distillation": [
        (lambda m, o, w, k: (w * (m - o).abs()).mean(), "all sources"),
        (lambda m, o, w, k: (m[k] - o[k]).abs().mean(), "weights are not used"),
        (lambda m, o, w, k: (w * (m - o))[k].mean(), "cancel"),
        (lambda m, o, w, k: (w * (m - o) ** 2)[k].mean(), "squared"),
        (lambda m, o, w, k: (w * (m - o).abs())[~k].mean(), "new sources"),
        (lambda m, o, w, k: (w * (m - o).abs())[k].sum(), "that is a sum"),
        (lambda m, o, w, k: (w * (m.detach() - o).abs())[k].mean(), "comes back to masks"),
        (lambda m, o, w, k: (w * (m - o).abs())[k].mean((1, 2)), "shape"),
    ],
    "one direction of the contrastive loss": [
        (lambda a, b, p, t: at_positives(dots(a, b).log_softmax(1), p), "temperature is not used"),
        (lambda a, b, p, t: at_positives((dots(a, b) * t).log_softmax(1), p), "multiplies"),
        (lambda a, b, p, t: at_positives((a @ b.T / t).log_softmax(1), p), "cosine"),
        (lambda a, b, p, t: -at_positives((dots(a, b) / t).log_softmax(1), p), "sign"),
        (lambda a, b, p, t: at_positives((dots(a, b) / t).log_softmax(0), p), "other direction"),
        (lambda a, b, p, t: at_positives((dots(a, b) / t).softmax(1), p), "no logarithm"),
        (lambda a, b, p, t: at_positives(dots(a, b).log_softmax(1) / t, p), "too late"),
        (lambda a, b, p, t: -(dots(a, b) / t).log_softmax(1)[p].mean(), "same weight"),
        (lambda a, b, p, t: -(dots(a, b) / t).softmax(1).where(p, 0).sum(1).log().mean(), "of its own"),
        (lambda a, b, p, t: -((dots(a, b) / t).log_softmax(1).where(p, 0)).sum(1).mean(), "divide by how many"),
        (lambda a, b, p, t: at_positives((dots(a, b.detach()) / t).log_softmax(1), p), "comes back to candidates"),
        (lambda a, b, p, t: -sum((dots(a[i : i + 1], b)[0] / t).log_softmax(0)[p[i]].mean() for i in range(len(a))) / len(a),
         "loop"),
    ],  # fmt: skip
    "pictures on the clock": [
        (lambda s, t, r, n: nearest(torch.arange(n) / r, s), "counts from 0"),
        (lambda s, t, r, n: nearest(torch.arange(n) / r, s - s[0]), "first picture"),
        (lambda s, t, r, n: nearest(torch.arange(n) / r, s + t), "sign"),
        (lambda s, t, r, n: (s <= t + torch.arange(n)[:, None] / r).sum(1).sub(1).clamp(min=0), "last picture before"),
        (lambda s, t, r, n: (s < t + torch.arange(n)[:, None] / r).sum(1).clamp(max=len(s) - 1), "one before may be"),
        (lambda s, t, r, n: torch.arange(n) * len(s) // n, "how far in time"),
        (lambda s, t, r, n: torch.linspace(0, len(s) - 1, n).round().long(), "how far in time"),
        (lambda s, t, r, n: nearest(t + torch.arange(n + 1) / r, s), "shape"),
        (lambda s, t, r, n: torch.stack([(s - t - k / r).abs().argmin() for k in range(n)]), "loop"),
    ],
    "overlap of boxes": [
        (lambda a, b: union(sides(a, b).prod(2), a, b), "can a width be negative"),
        (lambda a, b: union(sides(a, b).prod(2).relu(), a, b), "before you multiply"),
        (lambda a, b: sides(a, b).relu().prod(2) / (areas(a)[:, None] + areas(b)), "counts once"),
        (lambda a, b: sides(a, b).relu().prod(2), "divided by the area"),
        (lambda a, b: sides(a, b).relu().prod(2) / areas(b), "second box alone"),
        (lambda a, b: union(sides(a, b).relu().sum(2), a, b), "one pair"),
        (lambda a, b: union(sides(a, b).relu().prod(2), a, b).diag(), "shape"),
        (lambda a, b: torch.stack([union(sides(x[None], b).relu().prod(2), x[None], b)[0] for x in a]), "loop"),
    ],
    "FiLM layer": [
        (lambda m, c: m * halves(c)[0] + halves(c)[1], "all zeros"),
        (lambda m, c: m * (1 + halves(c)[1]) + halves(c)[0], "exchanged"),
        (lambda m, c: m * (1 + c[:, 0::2, None, None]) + c[:, 1::2, None, None], "in turn"),
        (lambda m, c: m * (1 + halves(c)[0]), "shift is missing"),
        (lambda m, c: (m + halves(c)[1]) * (1 + halves(c)[0]), "scales the shift"),
        (lambda m, c: m * (1 + c.chunk(2, 1)[0][:, None, None]) + c.chunk(2, 1)[1][:, None, None], "time"),
        (lambda m, c: m.mul_(1 + halves(c)[0]).add_(halves(c)[1]), "changes what it is given (maps)"),
        (lambda m, c: m * (1 + halves(c.detach())[0]) + halves(c)[1], "comes back to change"),
        (lambda m, c: torch.stack([x * (1 + s) + b for x, s, b in zip(m, *halves(c), strict=True)]), "loop"),
    ],
    "recognition by prototypes": [
        (lambda x, p, t: cosine(x, p).argmax(1), "nothing is ever unknown"),
        (lambda x, p, t: (n := cosine(x, p).argmin(1)).where(cosine(x, p).amin(1) >= t[n], -1), "least like"),
        (lambda x, p, t: (n := (x @ p.T).argmax(1)).where((x @ p.T).amax(1) >= t[n], -1), "length 1"),
        (lambda x, p, t: (n := cosine(x, p).argmax(1)).where(cosine(x, p).amax(1) < t[n], -1), "exchanged"),
        (lambda x, p, t: cosine(x, p).argmax(1).where(cosine(x, p).amax(1) >= t.mean(), -1), "the mean"),
        (lambda x, p, t: cosine(x, p).argmax(1).where((cosine(x, p) >= t).any(1), -1), "at that place"),
        (lambda x, p, t: cosine(x, p).argmax(0), "shape"),
        (lambda x, p, t: torch.stack([(n := cosine(one[None], p)[0].argmax()).where(cosine(one[None], p).max() >= t[n], -1)
                                      for one in x]), "loop"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", CODED)
def test_wrong_functions_are_told_their_mistake(name):
    typical = WRONG.get(name, [])  # of the labs' exercises they are in tests/labs/wrong
    assert len(typical) >= 5 or name.startswith("lab ")
    for function, word in [*typical, *((function, hint) for hint, function in CODED[name].mistakes.items())]:
        feedback = check(name, function)
        assert feedback.verdict == "Not yet" and word in feedback.text, (word, feedback)


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("ratio mask", lambda m, s: torch.where(s > 0, m / s.clamp(min=1e-9), 0).clip(0, 5)),
        ("class spectra to masks", lambda c: shares(torch.stack([power_spectra(one[None])[0] for one in c]))),
        ("mask head", lambda w, m: torch.sigmoid((w @ m.flatten(2)).unflatten(2, m.shape[2:]))),
        ("masked attention", lambda q, t, p: scaled_dot_product_attention(q[:, None], t, t, ~p[:, None])[:, 0]),
        ("forgetting", lambda r: sum(max(r[j:-1, j]) - r[-1, j] for j in range(len(r) - 1)) / (len(r) - 1)),
        ("herding", lambda f, n: np.array(CODED["herding"].reference(f, n))),
        ("mask distillation", lambda m, o, w, k: (w * (m - o).abs()).mean((2, 3)).where(k, 0).sum() / k.sum()),
        ("one direction of the contrastive loss",
         lambda a, b, p, t: at_positives((cosine_similarity(a[:, None], b, dim=2) / t).softmax(1).log(), p)),
        ("pictures on the clock",
         lambda s, t, r, n: torch.searchsorted((s[1:] + s[:-1]) / 2, t + torch.arange(n) / r)),
        ("overlap of boxes",
         lambda a, b: torch.cat([union(sides(a, x[None]).relu().prod(2), a, x[None]) for x in b], 1)),
        ("FiLM layer", lambda m, c: m + m * c[:, : m.shape[1], None, None] + c[:, m.shape[1] :, None, None]),
    ],
)  # fmt: skip
def test_other_ways_to_be_right_are_right(name, function):
    assert check(name, function).verdict == "Right", check(name, function)


def endless(weights, maps):
    while True:
        weights = weights + 1


def misspelt(weights, maps):
    return weights @ mapps  # noqa: F821


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (0.5, ["a function is asked for"]),
        (lambda w, m: None, ["gives nothing back"]),
        (lambda w, m: w + 1j, ["complex"]),
        (lambda w: w, ["TypeError", "weights [2, 3, 5], maps [2, 5, 8, 4]"]),
        (misspelt, ["in line", "return weights @ mapps", "NameError"]),
        (endless, ["stopped in line", "does every loop end"]),
        (lambda w, m: time.sleep(60), ["stopped in line"]),
        (lambda w, m: exit(), ["SystemExit"]),
        (lambda w, m: torch.empty(3, device="meta"), ["holds no numbers"]),
        (lambda w, m: "a mask", ["gives a str"]),
        (lambda w, m: CODED["mask head"].reference(w, m).detach().numpy(), ["gives a NumPy array"]),
        (lambda w, m: CODED["mask head"].reference(w, m).double(), ["float64 for torch.float32"]),
        (lambda w, m: CODED["mask head"].reference(w, m).log().log(), ["NaN or infinity"]),
        (lambda w, m: torch.rand(len(w), w.shape[1], *m.shape[2:]), ["left to chance"]),
        (lambda w, m: CODED["mask head"].reference(w, m) / 2, ["one pixel"]),
    ],
)
def test_whatever_else_goes_wrong_is_said_in_words(answer, words, monkeypatch):
    monkeypatch.setattr(behaviour, "SECONDS", 0.5)
    feedback = check("mask head", answer)
    assert feedback.verdict == "Not yet" and all(word in feedback.text for word in words), feedback


def test_a_mask_of_ones_and_zeros_is_no_bool():
    feedback = check("lab 4: positives", lambda *given: CODED["lab 4: positives"].reference(*given).float())
    assert feedback.verdict == "Not yet" and "torch.float32, where torch.bool is asked for" in feedback.text, feedback


def test_nan_is_blamed_only_where_the_right_answer_has_a_number():
    given = dict(x=torch.tensor([float("nan"), 1.0]))
    for answer, words in ((lambda x: x + 1, ""), (lambda x: x.log() / 0 * 0, "NaN")):
        with pytest.raises(NotYet) as said:
            behaviour._compare(answer, given["x"].clone(), given)
        assert (words in str(said.value)) and bool(words) == bool(str(said.value))


def test_an_endless_loop_is_stopped_where_ctrl_c_is_ignored(monkeypatch):
    monkeypatch.setattr(behaviour, "SECONDS", 0.5)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in a process that was started in the background
    try:
        assert "stopped in line" in check("mask head", endless).text
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_speed_is_measured_in_one_thread_as_waiting_threads_burn_time_on_a_busy_machine():
    before, seen = torch.get_num_threads(), set()

    def answer(weights, maps):
        if len(weights) > 5:  # the call that is timed has more samples than any other
            seen.add(torch.get_num_threads())
        return CODED["mask head"].reference(weights, maps)

    torch.set_num_threads(2)
    try:
        assert check("mask head", answer).verdict == "Right"
        assert seen == {1} and torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_what_a_function_sets_for_all_is_set_back():
    def answer(weights, maps):
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)

    check("mask head", answer)
    assert torch.get_default_dtype() == torch.float32 and torch.is_grad_enabled()


def test_a_notebook_goes_on_with_the_kits_function_until_ones_own_is_right():
    right, wrong = (lambda r: CODED["forgetting"].reference(r)), (lambda r: 0.0)
    assert own_or_kit("forgetting", right) is right
    assert own_or_kit("forgetting", wrong) is CODED["forgetting"].reference


BOOKS = sorted(path.stem for path in (NOTEBOOKS / "solutions").glob("*.py"))


def asked_in(book: str) -> dict[str, str]:
    """The cells of a notebook that ask for a function, by exercise."""
    cells = [cell.source for cell in nbformat.read(NOTEBOOKS / f"{book}.ipynb", as_version=4).cells]
    return {name: cell for name in CODED for cell in cells if f'check("{name}", ' in cell and "def " in cell}


@pytest.mark.parametrize("book", BOOKS)
def test_solutions_are_right_and_untouched_cells_wait(book, capsys):
    asked = asked_in(book)
    assert len(asked) >= 2
    solutions = runpy.run_path(str(NOTEBOOKS / "solutions" / f"{book}.py"))
    assert [line[:7] for line in capsys.readouterr().out.splitlines()] == ["✓ Right"] * len(asked)
    for name, cell in asked.items():
        known = {}
        exec(cell.rpartition("\n")[0], known)
        (function,) = (value for key, value in known.items() if not key.startswith("__"))
        assert check(name, function).verdict == "Waiting"
        assert check(name, solutions[function.__name__]).verdict == "Right"  # it has the same name there


def test_every_coded_exercise_is_in_a_notebook():
    of_lessons = {name for name in CODED if not name.startswith("lab ")}
    assert sorted(name for book in BOOKS for name in asked_in(book)) == sorted(of_lessons)
    assert CODED.keys() <= EXERCISES.keys()


def test_time_that_runs_out_between_two_calls_is_told_too(monkeypatch):
    monkeypatch.setattr(behaviour, "SECONDS", 0.05)
    with pytest.raises(NotYet, match="stopped between two calls"), behaviour._limited():
        time.sleep(5)
