"""Warp, masks and reconstruction against the authors' numbers."""

import torch
from golden import assert_near, load

from contav_lib import audio


def test_warp_and_unwarp_as_the_authors_do(golden_folder):
    golden = load(golden_folder, "warp")
    rows, back = golden.config["HO_warp"], golden.config["HO_unwarp"]
    warped = audio.warp(golden["spec"], rows, align_corners=False)
    assert_near(warped, golden["warped"])
    assert_near(audio.unwarp(warped, back, align_corners=False), golden["roundtrip"])
    ones = torch.ones(1, 1, *golden["spec"].shape[-2:])
    assert_near(audio.warp(ones, rows, align_corners=False), golden["ones_warped"])
    ones = torch.ones(1, 1, rows, golden["spec"].shape[-1])
    assert_near(audio.unwarp(ones, back, align_corners=False), golden["ones_unwarped"])


def test_sampling_grids(golden_folder):
    golden = load(golden_folder, "warp")
    frames = golden.config["T"]
    for direction, rows in (("warp", golden.config["HO_warp"]), ("unwarp", golden.config["HO_unwarp"])):
        assert_near(audio._grid(rows, frames, direction, torch.device("cpu")), golden[f"grid_{direction}"])


def test_warp_with_aligned_corners_keeps_the_borders(golden_folder):
    golden = load(golden_folder, "warp")
    expected = golden["alt.align_corners_true.warped"]
    assert_near(audio.warp(golden["spec"][: len(expected)], golden.config["HO_warp"]), expected)


def test_mixture_spectrogram_and_reconstruction(golden_folder):
    golden = load(golden_folder, "metrics")
    window, hop = golden.config["n_fft"], golden.config["hop"]
    mixture, _ = audio.mix(golden["pcm"].float() / 32768)
    spectrogram = audio.stft(mixture, window, hop)
    assert_near(spectrogram[0].abs()[::2, ::2], golden["mag_mix0_s2"])
    # Phase is an angle: compare it on the circle, weighted by the magnitude it belongs to.
    expected = torch.polar(golden["mag_mix0_s2"], golden["phase_mix0_s2"])
    assert (spectrogram[0][::2, ::2] - expected).abs().max() < 1e-5 * golden["mag_mix0_s2"].max()
    masks = golden["mask_q"].float().squeeze(2) / 256
    estimates = audio.reconstruct(spectrogram, masks, window, hop, align_corners=False)
    assert estimates.shape[-1] == golden.config["L"]
    assert_near(estimates[0], golden["pred_wav0"])
