"""Settings of the backbone: what they may be, what `check` says of them, and what they mean for a run's identity."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from iqa_train.study.audit import audit
from iqa_train.study.backbones import even_taps, plain_vit, unknown_backbone
from iqa_train.study.factors import acting_differences, factors_of
from iqa_train.study.inert import effective
from iqa_train.study.load import load_study
from iqa_train.study.normalisation import IMAGENET, normalisation
from iqa_train.study.resolve import resolve_by_hand
from iqa_train.study.settings import TrainingConfig
from iqa_train.study.spec import RunSpec
from iqa_train.study.validate import value_from_text

DINO, SIGLIP = "vit_small_patch14_dinov2.lvd142m", "vit_base_patch16_siglip_224.v2_webli"
CLIP = "vit_base_patch16_clip_224"
HALF = (0.5, 0.5, 0.5)


def messages(study, code):
    return [(f.severity, f.experiment, f.message) for f in audit(study) if f.code == code]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, IMAGENET.mean),
        ({"backbone": "resnet50"}, IMAGENET.mean),
        ({"backbone": "demo", "weights": "none"}, IMAGENET.mean),
        ({"backbone": DINO}, IMAGENET.mean),
        ({"backbone": SIGLIP}, HALF),
        ({"backbone": "vit_base_patch16_siglip_224", "weights": "webli"}, HALF),
        ({"backbone": CLIP, "weights": "openai"}, (0.48145466, 0.4578275, 0.40821073)),
        ({"backbone": CLIP}, (0.48145466, 0.4578275, 0.40821073)),  # timm's default tag
        ({"backbone": SIGLIP, "weights": "none"}, IMAGENET.mean),
        ({"backbone": SIGLIP, "weights": "own.pth"}, HALF),
        ({"backbone": SIGLIP, "weights": "own.pth", "mean": (0.1, 0.2, 0.3)}, (0.1, 0.2, 0.3)),
        ({"backbone": "vit_small_patch16_224", "weights": "augreg_in1k"}, HALF),
        ({"backbone": "convnext_tiny", "weights": "dinov3_lvd1689m"}, IMAGENET.mean),
    ],
)
def test_normalisation_follows_the_weights(settings, expected):
    assert normalisation(TrainingConfig(**settings)).mean == expected
    assert resolve_by_hand(settings).normalisation.mean == expected


def test_imagenets_normalisation_is_in_no_hash_and_any_other_is():
    spec = resolve_by_hand({"backbone": SIGLIP})
    as_before = spec.model_copy(update={"normalisation": IMAGENET})
    assert spec.config_hash != as_before.config_hash
    read = RunSpec.model_validate_json(spec.model_dump_json())
    assert read == spec
    written = as_before.model_dump(mode="json")
    del written["normalisation"]  # a run of before crops were normalised as the weights ask for
    assert RunSpec.model_validate(written).normalisation == IMAGENET


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "60f771b26f"),
        ({"backbone": "resnet50", "weights": "tv_in1k"}, "6db953b093"),
        ({"backbone": "demo", "weights": "none"}, "219fadf97b"),
        ({"backbone": "convnext_tiny.fb_in22k"}, "15d03eb98d"),
        ({"backbone": "swin", "model_size": "base", "patch_size": 256}, "1dc7893a38"),
    ],
)
def test_hashes_of_before_normalisation_followed_the_weights(settings, expected):
    assert resolve_by_hand(settings).config_hash == expected


def test_another_normalisation_is_named_beside_other_weights(small):
    study = small(("A", f'set = {{ backbone = "{SIGLIP}" }}'), ("C", f'set = {{ backbone = "{DINO}" }}'))
    ((severity, experiment, says),) = messages(study, "normalisation")
    assert (severity, experiment) == ("note", "A")
    assert says == (
        "A differs from Base in the normalisation of crops, too: mean 0.5 0.5 0.5, std 0.5 0.5 0.5 here, ImageNet's "
        "(mean 0.485 0.456 0.406, std 0.229 0.224 0.225) there, each as its weights were trained"
    )


def test_normalisation_without_pretrained_weights_beside_a_pretrained_baseline(small):
    study = small(("A", 'set = { weights = "none" }'), defaults=f'backbone = "{SIGLIP}"')
    ((_, experiment, says),) = messages(study, "normalisation")
    assert experiment == "A"
    assert "nothing is pretrained here; set mean and std" in says


def test_a_normalisation_that_is_not_the_weights_own_is_a_warning(small):
    study = small(("A", "set = { mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5] }"))
    ((severity, experiment, says),) = messages(study, "normalisation")
    assert (severity, experiment) == ("warning", "A")
    assert "the weights were trained with ImageNet's" in says
    assert not messages(small(("A", f'set = {{ backbone = "{SIGLIP}", mean = [0.5, 0.5, 0.5] }}')), "normalisation")


def test_a_file_of_weights_does_not_say_how_it_was_trained(small):
    study = small(defaults='backbone = "convnext_base"\nweights = "own.pth"')
    ((severity, _, says),) = messages(study, "normalisation")
    assert severity == "note"
    assert "a file does not say which" in says
    for named in ('backbone = "convnext_base.fb_in22k"', 'backbone = "convnext_base"\nmean = [0.5, 0.5, 0.5]'):
        assert not messages(small(defaults=f'{named}\nweights = "own.pth"'), "normalisation")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (
            f'backbone = "{DINO}"\nfreeze = "stages:2"',
            'has no stages, and freeze = "stages:2" names some',
        ),
        (f'backbone = "{DINO}"\nfreeze = "blocks:13"', "has 12 blocks up to its last tap"),
        (f'backbone = "{DINO}"\ntaps = [1, 2, 3, 4]\nfreeze = "blocks:5"', "has 4 blocks up to its last tap"),
        (f'backbone = "{DINO}"\ntaps = [3, 6, 9, 13]', "has 12 blocks, and taps = [3, 6, 9, 13] names more"),
        (f'backbone = "{DINO}"\npatch_size = 256', "use a multiple of 224"),
        ('backbone = "swin"\nfreeze = "blocks:3"', 'use "stages:N"'),
    ],
)
def test_layers_that_the_backbone_has_not_are_errors(small, settings, says):
    ((severity, _, message),) = messages(small(defaults=settings), "backbone-layers")
    assert severity == "error"
    assert says in message


@pytest.mark.parametrize("settings", [f'backbone = "{DINO}"\nfreeze = "blocks:12"', 'freeze = "stages:4"', ""])
def test_layers_that_it_has_are_none(small, settings):
    assert not messages(small(defaults=settings), "backbone-layers")


def test_a_backbone_frozen_at_random_weights_is_a_warning(small):
    frozen = 'freeze = "stages:1"'
    ((severity, _, _),) = messages(small(defaults=f'{frozen}\nweights = "none"'), "frozen-random")
    assert severity == "warning"
    assert not messages(small(defaults=frozen), "frozen-random")


@pytest.mark.parametrize(
    ("settings", "severities"),
    [
        ('backbone = "resnet50"', ["warning"]),
        ('backbone = "resnet50"\nfreeze = "backbone"', []),
        ('backbone = "efficientnet_b0"', ["note"]),
        ('backbone = "swin"', []),
        (f'backbone = "{DINO}"', []),
    ],
)
def test_batch_normalisation_is_named_as_the_exception_of_parts(small, settings, severities):
    study = small(defaults=f"{settings}\nmicro_batch_size = 8")
    assert [severity for severity, _, _ in messages(study, "micro-batch-norm")] == severities
    assert not messages(small(defaults=f"{settings}\nmicro_batch_size = 96"), "micro-batch-norm")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {"mean": IMAGENET.mean, "std": IMAGENET.std}),
        ({"backbone": SIGLIP}, {"backbone": SIGLIP, "mean": HALF, "std": HALF}),
        ({"backbone": DINO}, {"backbone": DINO, "taps": (3, 6, 9, 12)}),
        ({"freeze": "stages:4"}, {"freeze": "backbone"}),
        ({"micro_batch_size": 96}, {}),
    ],
)
def test_two_ways_to_say_the_same(one, other):
    assert effective(TrainingConfig(**one)) == effective(TrainingConfig(**other))


@pytest.mark.parametrize(
    ("backbone", "factors"), [("swin", ["drop_path_rate"]), ("resnet50", ["drop_path_rate", "micro_batch_size"])]
)
def test_parts_of_a_batch_are_a_factor_of_batch_normalisation(backbone, factors):
    base, other = (
        TrainingConfig(backbone=backbone, **more) for more in ({}, {"drop_path_rate": 0.0, "micro_batch_size": 8})
    )
    assert factors_of(acting_differences(base, other), base, other) == factors


def test_mean_and_std_are_one_factor():
    base, other = TrainingConfig(), TrainingConfig(mean=HALF, std=HALF)
    assert factors_of(acting_differences(base, other), base, other) == ["normalisation"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mean", (0.5, 0.5)),
        ("mean", (0.5, 0.5, 1.1)),
        ("std", (0.5, 0.5, 0.0)),
        ("std", ("a", 0.5, 0.5)),
        ("taps", (3, 6, 9)),
        ("taps", (3, 6, 6, 9)),
        ("taps", (0, 1, 2, 3)),
        ("freeze", "stages:5"),
        ("freeze", "blocks:0"),
        ("freeze", "head"),
        ("layer_decay", 0.0),
        ("layer_decay", 1.1),
        ("micro_batch_size", -1),
    ],
)
def test_values_that_cannot_be(name, value):
    with pytest.raises(ValidationError):
        TrainingConfig(**{name: value})


def test_values_from_the_command_line():
    typed = {"mean": "0.5, 0.5,0.5", "taps": "3,6,9,12", "freeze": "stages:2"}
    config = TrainingConfig(**{name: value_from_text(name, text) for name, text in typed.items()})
    assert (config.mean, config.taps, config.freeze) == (HALF, (3, 6, 9, 12), "stages:2")
    assert TrainingConfig(mean=[0, 1, 0.5]).mean == (0.0, 1.0, 0.5)


@given(st.integers(4, 80))
def test_even_taps_are_four_blocks_that_end_with_the_last(depth):
    taps = even_taps(depth)
    assert len(set(taps)) == 4
    assert taps[0] >= 1
    assert taps[-1] == depth
    gaps = [b - a for a, b in zip((0, *taps), taps, strict=False)]
    assert max(gaps) - min(gaps) <= 1


@pytest.mark.parametrize(
    ("name", "shape"),
    [(DINO, (12, 14)), (SIGLIP, (12, 16)), ("vit_large_patch16_dinov3", (24, 16)), ("swin", None), ("resnet50", None)],
)
def test_plain_transformers_are_known_without_timm(name, shape):
    assert plain_vit(name) == shape


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("vit_tiny_patch14_224", 'unknown backbone "vit_tiny_patch14_224"; did you mean'),
        ("resnet5O.tv_in1k", 'did you mean "resnet50"'),
        ("?", "known: swin, resnet50, demo and timm's networks"),
        ("vit_tiny_patch16_224", None),
        ("swin.ms_in1k", None),
        ("demo", None),
        ("vit_base_patch16_224_in21k", None),  # an old name
    ],
)
def test_backbones_that_nobody_has(name, says):
    found = unknown_backbone(name, "tiny")
    assert (found is None) if says is None else (says in found)


def test_a_misspelt_backbone_is_found_before_it_is_asked_for_its_layers(tmp_path):
    (tmp_path / "s.toml").write_text(
        '[study]\nname = "s"\nbaseline = "A"\n[[experiments]]\nid = "A"\n[[experiments]]\nid = "B"\n'
        'set = { backbone = "vit_tiny_patch14_224", freeze = "blocks:2" }\n'
    )
    found = [(f.code, f.experiment) for f in audit(load_study(tmp_path / "s.toml")) if f.severity == "error"]
    assert found == [("unknown-backbone", "B")]
