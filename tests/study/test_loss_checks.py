"""What `check` says of the losses from the study file alone."""

import pytest

from iqa_train.study.audit import audit

MINE = '[datasets.mine]\ncsv = "labels.csv"\nscore_range = [1, 5]\n'


def found(study, code):
    return [finding for finding in audit(study) if finding.code == code]


@pytest.mark.parametrize(
    ("dataset", "columns", "refused"),
    [
        ("koniq-10k", "", False),
        ("demo", "", False),
        ("livec", "", True),
        ("mine", "", True),
        ("mine", 'sd_column = "sd"', True),
        ("mine", 'distribution_columns = ["bad", "fair", "good"]', False),
    ],
)
def test_emd_needs_a_set_with_a_distribution(small, dataset, columns, refused):
    study = small(("E", f'set = {{ loss_type = "emd", dataset = "{dataset}" }}'), more=MINE + columns)
    findings = found(study, "no-opinions")
    assert [(f.experiment, f.severity, f.settings) for f in findings] == (
        [("E", "error", ("loss_type", "dataset"))] if refused else []
    )
    assert all(f'"{dataset}" does not have; name its columns in distribution_columns' in f.message for f in findings)


@pytest.mark.parametrize(
    ("dataset", "columns", "noted"),
    [
        ("koniq-10k", "", False),
        ("kadid-10k", "", False),
        ("csiq", "", True),
        ("mine", "", True),
        ("mine", 'sd_column = "sd"', False),
        ("mine", 'distribution_columns = ["bad", "fair", "good"]', False),
    ],
)
def test_fidelity_without_sds_is_noted(small, dataset, columns, noted):
    study = small(("F", f'set = {{ loss_type = "fidelity", dataset = "{dataset}" }}'), more=MINE + columns)
    findings = found(study, "no-opinions")
    assert [(f.experiment, f.severity) for f in findings] == ([("F", "note")] if noted else [])
    assert all(("name them in sd_column of [datasets.mine]" in f.message) == (dataset == "mine") for f in findings)


@pytest.mark.parametrize(
    ("loss", "options", "says"),
    [
        ("nin", "p = 1, q = 2", []),
        ("nin", "p = 0.5", ["p = 0.5 of nin must be a number from 1 up"]),
        ("nin", "p = 0, q = 0.9", ["p = 0.0 of nin must be", "q = 0.9 of nin must be"]),
        ("fidelity", "predicted_sd = 0", []),
        ("fidelity", "predicted_sd = -1", ["predicted_sd = -1.0 of fidelity must be a number from 0 up"]),
    ],
)
def test_options_out_of_range(small, loss, options, says):
    study = small(("N", f'set = {{ loss_type = "{loss}", loss_options = {{ {options} }} }}'))
    messages = [finding.message for finding in found(study, "loss-options")]
    assert len(messages) == len(says)
    assert all(part in message for part, message in zip(says, messages, strict=True))


@pytest.mark.parametrize(
    ("loss", "option", "says"),
    [
        ("nin", "Q = 2", 'nin has no option "Q"; did you mean "q"?'),
        ("plcc", "p = 2", 'plcc has no option "p"; it has none'),
        ("nin", 'p = "one"', 'p = "one" is not valid for nin; allowed: a number'),
    ],
)
def test_options_that_a_loss_does_not_have(small, loss, option, says):
    study = small(("N", f'set = {{ loss_type = "{loss}", loss_options = {{ {option} }} }}'))
    (finding,) = found(study, "own-code-options")
    assert (finding.severity, finding.experiment) == ("error", "N")
    assert says in finding.message


def test_losses_that_are_the_same_but_for_a_factor(small):
    study = small(
        ("plcc", 'set = { loss_type = "plcc" }'),
        ("nin", 'set = { loss_type = "nin" }'),
        ("squares", 'set = { loss_type = "nin", loss_options = { p = 2 } }'),
        ("l1", 'set = { loss_type = "l1" }'),
        defaults='loss_type = "srcc"',
    )
    findings = {finding.experiment: finding for finding in found(study, "same-loss")}
    assert set(findings) == {"plcc", "squares"}
    assert findings["squares"].message.startswith("nin with p = q = 2 is srcc but for a constant factor")
    assert findings["plcc"].severity == "note"
