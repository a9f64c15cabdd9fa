"""U-Net, predictor and the growing query table against the authors' numbers."""

import pytest
import torch
from golden import assert_near, iquery_from_states, load

from contav_lib.separators.iquery import pick


@pytest.fixture
def unet_golden(golden_folder):
    return load(golden_folder, "unet")


@pytest.fixture
def predictor_golden(golden_folder):
    return load(golden_folder, "predictor")


@pytest.fixture
def iquery(unet_golden, predictor_golden):
    heads = predictor_golden.config["nheads"]
    return iquery_from_states(unet_golden.under("state."), predictor_golden.under("state."), heads)


def visual(golden, mask=None) -> dict[str, torch.Tensor]:
    """The golden clips as B mixtures of one source each."""
    mask = golden["motion_mask"] if mask is None else mask
    return {
        "object": golden["obj_feature"].unsqueeze(1),
        "motion": golden["motion_feature"].unsqueeze(1),
        "motion_mask": mask.bool().unsqueeze(1),
    }


def predict(iquery, unet_golden, golden, classes, **more):
    return iquery.predictor(unet_golden["eval.feat_latent"], visual(golden, **more), classes.unsqueeze(1))


def mask_logits(prediction, unet_golden) -> torch.Tensor:
    return torch.einsum("bnm,bmft->bnft", prediction.weights, unet_golden["eval.feat_sound"])


def test_unet_in_eval_mode(iquery, unet_golden):
    maps = iquery.unet.eval()(unet_golden["input"])
    mask_features = iquery.unet.mask_features(maps)
    assert_near(mask_features, unet_golden["eval.feat_sound"])
    assert_near(maps.latent, unet_golden["eval.feat_latent"])
    assert mask_features.std().item() == pytest.approx(unet_golden.scalars["eval.feat_sound_std"], abs=1e-5)


def test_unet_in_train_mode(iquery, unet_golden):
    # In double precision: batch statistics of so few values carry the float32 rounding of the stored numbers to 0.98e-5
    # of the exact ones, which leaves no room for a second rounding within 1e-5.
    maps = iquery.unet.double().train()(unet_golden["input"].double())
    mask_features = iquery.unet.mask_features(maps)
    assert_near(mask_features[:, :, ::2, ::2], unet_golden["train.feat_sound_s2"])
    assert_near(maps.latent, unet_golden["train.feat_latent"])
    assert mask_features.abs().mean().item() == pytest.approx(unet_golden.scalars["train.feat_sound_absmean"], abs=1e-5)
    assert mask_features.norm().item() == pytest.approx(unet_golden.scalars["train.feat_sound_l2"], rel=1e-5)
    innermost = iquery.unet.levels
    for theirs, norm in {
        "bn0": iquery.unet.input_norm,
        "downnorm2": iquery.unet.down[1].norm,
        f"upnorm{innermost}": iquery.unet.up[0].norm,
        "upnorm2": iquery.unet.up[-2].norm,
    }.items():
        assert_near(norm.running_mean, unet_golden[f"train.after.{theirs}.running_mean"])
        assert_near(norm.running_var, unet_golden[f"train.after.{theirs}.running_var"])


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_predictor(iquery, unet_golden, predictor_golden, mode):
    iquery.train(mode == "train")
    golden = predictor_golden
    prediction = predict(iquery, unet_golden, golden, golden["classes"])
    assert_near(mask_logits(prediction, unet_golden), golden["out.mask_logits"])
    assert_near(prediction.audio, golden["out.sep_audio_feat"])
    assert_near(prediction.motion, golden["out.motion_mean"])
    assert_near(prediction.object, golden["out.obj_proj"])
    latent = iquery.predictor.input_projection(unet_golden["eval.feat_latent"])
    assert_near(latent.mean((2, 3)), golden["out.sound_latent_mean"])
    assert_near(prediction.tokens.transpose(1, 2), golden["aux.memory"].flatten(2))


def test_decoder_layers_for_all_queries(iquery, unet_golden, predictor_golden):
    golden, predictor = predictor_golden, iquery.predictor
    prediction = predict(iquery, unet_golden, golden, golden["classes"])
    *earlier, last = prediction.layers
    for layer, expected in zip(earlier, golden["aux.hs"], strict=False):
        assert_near(predictor.norm(layer).squeeze(1), expected)
    # The library works the last layer out for the wanted query alone; here for all, and both must agree.
    latent = predictor.input_projection(unet_golden["eval.feat_latent"])
    tokens, positions = predictor._encode(latent)
    query = predictor.queries.weight.expand(len(latent), -1, -1)
    everyone = predictor.audio_layers[-1](earlier[-1].squeeze(1), query, tokens, positions)
    assert_near(predictor.norm(everyone), golden["aux.hs"][-1])
    assert_near(pick(everyone, golden["classes"]), last.squeeze(1))


def test_real_masking_leaves_padding_out(iquery, unet_golden, predictor_golden):
    golden = predictor_golden
    iquery.predictor.padding = "masked"
    masked = predict(iquery, unet_golden, golden, golden["classes"])
    assert_near(masked.audio, golden["alt.bool_mask.sep_audio_feat"])
    noise = visual(golden)
    noise["motion"] = noise["motion"] + 7 * noise["motion_mask"].unsqueeze(2)  # whatever stands in padded steps ...
    again = iquery.predictor(unet_golden["eval.feat_latent"], noise, golden["classes"].unsqueeze(1))
    assert_near(again.audio, masked.audio)  # ... is neither attended to
    assert_near(again.motion, masked.motion)  # nor averaged
    assert (masked.audio - golden["out.sep_audio_feat"]).abs().max() > 1e-2
    none = predict(iquery, unet_golden, golden, golden["classes"], mask=torch.zeros_like(golden["motion_mask"]))
    assert_near(none.audio, golden["alt.zero_mask.sep_audio_feat"])


def test_growing_the_query_table(iquery, golden_folder, unet_golden, predictor_golden):
    golden = load(golden_folder, "query_expand")
    before, after = golden.config["num_queries_before"], golden.config["num_queries_after"]
    old_rows = iquery.predictor.queries.weight.detach().clone()
    old = predict(iquery, unet_golden, predictor_golden, predictor_golden["classes"])
    iquery.grow(after)
    assert iquery.num_classes == after
    change = (iquery.predictor.queries.weight[:before] - old_rows).abs().max().item()
    assert change == golden.scalars["old_rows_max_abs_change"] == 0
    with torch.no_grad():
        iquery.predictor.queries.weight[before:] = golden["query_embed"][before:]
    assert_near(iquery.predictor.queries.weight, golden["query_embed"])
    for which in ("old", "new"):
        prediction = predict(iquery, unet_golden, predictor_golden, golden[f"classes_{which}"])
        assert_near(mask_logits(prediction, unet_golden), golden[f"out_{which}.mask_logits"])
        assert_near(prediction.audio, golden[f"out_{which}.sep_audio_feat"])
    grown = predict(iquery, unet_golden, predictor_golden, golden["classes_old"])
    change = (mask_logits(grown, unet_golden) - mask_logits(old, unet_golden)).abs().max().item()
    assert change == pytest.approx(golden.scalars["old_class_mask_logit_change"], abs=1e-5)
    assert_near(grown.motion, old.motion)
    assert_near(grown.object, old.object)
