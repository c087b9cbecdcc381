"""The study file: the seed's own, and everything that can be wrong with one."""

from pathlib import Path

import pytest

from iqa_train.errors import StudyError, UsageError
from iqa_train.study import find
from iqa_train.study.find import find_study
from iqa_train.study.load import load_study
from iqa_train.study.problems import line_of
from iqa_train.study.validate import validate_settings

SEED_TEXT = (Path(__file__).parents[2] / "experiments.toml").read_text(encoding="utf-8")


def test_the_seed_is_whole(seed_study):
    assert seed_study.name == "lr5e7"
    assert seed_study.seeds == (42,)
    assert seed_study.ids == ["Baseline", "A1", "A2", "B1", "B2"]
    assert [e.slug for e in seed_study.experiments] == [
        "baseline", "A1_no_attention", "A2_no_multiscale", "B1_tiny", "B2_small",
    ]  # fmt: skip
    assert [b.gpus for b in seed_study.batches] == [{0: "Baseline", 1: "A1"}, {0: "A2", 1: "B1"}, {0: "B2"}]
    assert sum(b.minutes for b in seed_study.batches) == 60
    assert all(e.purpose and e.title for e in seed_study.experiments)
    assert seed_study.experiments[0].expect.srcc == (0.938, 0.938)
    assert seed_study.experiments[1].expect.delta == (-0.006, -0.003)


def test_slug_title_and_seeds_have_defaults(small):
    study = small()
    assert study.experiments[0].slug == "Base"
    assert study.seeds == (42,)
    assert small(defaults="seed = 7").seeds == (7,)


BAD = [
    (
        "set = { attention_fusion = false }",
        "set = { atention_fusion = false }",
        '[[experiments]] "A1": unknown setting "atention_fusion"; did you mean "attention_fusion"?',
    ),
    ("lr = 5e-7 ", 'lr = "fast"', '[defaults]: lr = "fast" is not a number; allowed: more than 0, at most 1'),
    ("lr = 5e-7 ", "lr = 2", "[defaults]: lr = 2 is out of range; allowed: more than 0, at most 1"),
    ("lr = 5e-7 ", "lr = nan", "[defaults]: lr = nan is not a finite number"),
    (
        'model_size = "base"',
        'model_size = "huge"',
        'model_size = "huge" is not one of its choices; allowed: tiny, small',
    ),
    ("epochs = 10", "epochs = 2.5", "epochs = 2.5 is not a whole number; allowed: at least 1"),
    ("epochs = 10", "epochs = true", "epochs = true is not a whole number"),
    ("spaq = false", 'spaq = "no"', 'spaq = "no" is not true or false'),
    (
        "patch_size = 224",
        "patch_size = 225",
        "225 is out of range; allowed: at least 32, at most 1024, a multiple of 32",
    ),
    ('dataset = "koniq-10k"', 'dataset = "../x"', "dataset = "),
    ('id = "A2"', 'id = "A1"', '[[experiments]] "A1": id "A1" is used twice'),
    ('id = "A2"', 'id = "a1"', 'id "a1" differs from "A1" only in case'),
    ('id = "A2"', 'id = "../A2"', 'id = "../A2" is not valid; allowed: letters, digits'),
    ('"A2_no_multiscale"', '"a1_no_attention"', 'slug "a1_no_attention" differs from "A1_no_attention" only in case'),
    ('1 = "A1"', '1 = "A11"', '[[batches]] "Batch 1": gpus names the missing experiment "A11"; did you mean "A1"?'),
    ('1 = "A1"', '0 = "A1"', "line 99, column 34: a batch names GPU 0 twice"),
    ('1 = "A1"', '00 = "A1"', '[[batches]] "Batch 1": gpus names GPU 0 twice'),
    ('1 = "A1"', '-1 = "A1"', '[[batches]] "Batch 1": "-1" in gpus is not a GPU number; allowed: whole numbers from 0'),
    ('1 = "A1"', '1 = "Baseline"', 'experiment "Baseline" is there twice'),
    ('1 = "B1"', '1 = "A1"', '[[batches]] "Batch 2": experiment "A1" is also in batch "Batch 1"'),
    ("minutes = 20", "minutes = 0", '[[batches]] "Batch 1": minutes = 0 is out of range; allowed: more than 0'),
    ("minutes = 20", "", '[[batches]] "Batch 1": "minutes" is missing'),
    ('name = "Batch 2"', 'name = "Batch 1"', '[[batches]] "Batch 1": name is used twice'),
    ("seeds = [42]", "seeds = 42", "[study]: seeds = 42 is not valid; allowed: a list of whole numbers"),
    ("seeds = [42]", "seeds = []", "[study]: seeds = [] is empty"),
    ("seeds = [42]", "seeds = [1, 1]", "seeds = [1, 1] contains a seed twice"),
    ('baseline = "Baseline"', 'baseline = "Basline"', '"Basline" is not an experiment; did you mean "Baseline"?'),
    ('baseline = "Baseline"', "", '[study]: "baseline" is missing'),
    ('name = "lr5e7"', 'name = "a b"', '[study]: name = "a b" is not valid; allowed: letters, digits'),
    ('name = "lr5e7"', 'name = "Manual"', "reserved for runs without a study file"),
    ("[study]\n", "[study]\nlr = 1\n", '[study]: unknown key "lr"; known: name, title, baseline, seeds'),
    ("epochs = 10", "epochs = 10\nseed = 43", "[defaults]: seed = 43 contradicts seeds = [42]; seeds belong in"),
    (
        "set = { multi_scale = false }",
        "set = { seed = 3 }",
        '"A2": set cannot hold seed: seeds belong in [study] seeds',
    ),
    ("set = { multi_scale = false }", "set = 3", '"A2": set = 3 is not valid; allowed: a table of settings'),
    ("set = { multi_scale = false }", "multi_scale = false", "a setting stands in set = { multi_scale = ... }"),
    ("[study]\n", "[studdy]\n", '[studdy]: unknown table; did you mean "study"?'),
    ("srcc = 0.938", 'srcc = "high"', 'expect: srcc = "high" is not valid; allowed: a number or [lowest, highest]'),
    ("srcc = 0.938", "srcc = [0.9, 0.8]", "expect: srcc must be [lowest, highest]"),
    ("srcc = 0.938", "scrc = 0.9", 'expect: unknown key "scrc"; did you mean "srcc"?'),
    ("expect = { srcc = 0.938 }", "expect = 0.9", "expect = 0.9 is not a table"),
    ("warmup_epochs = 0.5", "warmup_epoch = 0.5", '[profiles.demo]: unknown setting "warmup_epoch"; did you mean'),
    ('study = { name = "demo"', 'study = { nam = "demo"', '[profiles.demo]: study: unknown key "nam"'),
    ("[profiles.demo]\n", "[profiles.demo]\nseed = 3\n", "[profiles.demo]: seed = 3 contradicts seeds = [42]"),
    ("[profiles.demo]\n", "[profiles.demo]\nexpect = { A3 = {} }\n", 'expect: "A3" is not an experiment'),
    ("# [datasets.mine]\n", "[datasets.mine]\nscore_range = [3, 1]\n", "[datasets.mine]: score_range must be"),
    ("# [datasets.mine]\n", "[colours]\n", "[colours]: unknown table; known: study, defaults"),
]


@pytest.mark.parametrize(("old", "new", "says"), BAD, ids=[b[2][:40] for b in BAD])
def test_what_is_wrong_is_reported(write, old, new, says):
    assert old in SEED_TEXT
    with pytest.raises(StudyError) as caught:
        write(SEED_TEXT.replace(old, new, 1))
    message = str(caught.value)
    assert all(line.startswith("experiments.toml: ") for line in message.splitlines())
    assert says in message
    assert caught.value.exit_code == 2


def test_one_error_is_one_sentence_with_its_line(write):
    with pytest.raises(StudyError) as caught:
        write(SEED_TEXT.replace("lr = 5e-7", "lr = 0", 1))
    line = SEED_TEXT[: SEED_TEXT.index("\nlr = 5e-7") + 1].count("\n") + 1
    assert str(caught.value) == (
        f"experiments.toml: [defaults]: lr = 0 is out of range; allowed: more than 0, at most 1 (line {line})"
    )


def test_all_errors_are_named_at_once(write):
    with pytest.raises(StudyError) as caught:
        write(SEED_TEXT.replace("lr = 5e-7", "lr = 0", 1).replace("batch_size = 32", "batch_size = 0"))
    assert len(str(caught.value).splitlines()) == 3  # [defaults] twice, the profile once


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no [study] table"),
        ("experiments = []\n[study]\nname = 'a'\nbaseline = 'B'", "no experiments; add [[experiments]]"),
        ("experiments = 3\n[study]\nname = 'a'\nbaseline = 'B'", "experiments is not a list of tables"),
        ("defaults = 3\n[study]\nname = 'a'\nbaseline = 'B'", "defaults = 3 is not a table; write [defaults]"),
        ("[study]\nname = 'a\n", 'line 3, column 1: expected "\'"'),
        ("a = [1,\n", "line 2, column 1: invalid value"),
        ("[study]\n[study]\n", "line 2, column 7: cannot declare [study] twice"),
    ],
)
def test_broken_files(write, text, says):
    with pytest.raises(StudyError) as caught:
        write(text)
    assert says in str(caught.value)


CONTROL = [
    (
        'title = "Tiny model"',
        'title = "Tiny\\nBest test SRCC 1"',
        '[[experiments]] "B1": title = "Tiny\\nBest test SRCC 1"',
    ),
    (
        'purpose = "Effect of',
        'purpose = "\\u001b[2J',
        '"B1": purpose = "\\u001b[2J capacity" holds the control character U+001B',
    ),
    (
        'name = "Batch 2"',
        'name = "Batch\\u202e 2"',
        '[[batches]] "Batch\\u202e 2": name = "Batch\\u202e 2" holds the control',
    ),
    (
        'backbone = "swin"',
        'backbone = "swin\\u2028"',
        '[defaults]: backbone = "swin\\u2028" holds the control character U+2028',
    ),
    ('id = "A2"', 'id = "A2\\n"', '[[experiments]] "A2\\n": id = "A2\\n" holds the control character U+000A'),
    ("# [datasets.mine]\n", '[datasets.mine]\npath = "a\\tb"\n', '[datasets.mine]: path = "a\\tb" holds the control'),
    ("minutes = 20", 'minutes = 20\n"no\\rte" = 1', '"Batch 1": the key "no\\rte" holds the control character U+000D'),
    ("[defaults]\n", '["def\\naults"]\n', 'the key "def\\naults" holds the control character U+000A'),
    ("[profiles.demo]\n", '[profiles."de\\nmo"]\n', '[profiles]: the key "de\\nmo" holds the control character'),
]


@pytest.mark.parametrize(("old", "new", "says"), CONTROL, ids=[c[0].strip() for c in CONTROL])
def test_text_that_would_forge_a_log_or_steer_a_terminal_is_refused(write, old, new, says):
    assert old in SEED_TEXT
    with pytest.raises(StudyError) as caught:
        write(SEED_TEXT.replace(old, new, 1))
    message = str(caught.value)
    assert says in message
    assert all(line.startswith("experiments.toml: ") for line in message.splitlines())
    assert all(c.isprintable() or c == "\n" for c in message)


def test_text_in_any_script_is_welcome(small):
    study = small(("X", 'title = "Größe – 大きさ – حجم 👩‍🔬"'))
    assert study.experiments[1].title == "Größe – 大きさ – حجم 👩‍🔬"


def test_options_that_would_forge_a_log_are_refused():
    with pytest.raises(
        UsageError, match=r"^command line: --backbone a\\nb holds the control character U\+000A"
    ) as caught:
        validate_settings({"backbone": "a\nb"}, "command line")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a = " + "[" * 3000 + "]" * 3000, "nested too deeply"),
        ("[" + ".".join("a" * 3000) + "]", "nested too deeply"),
        ("a = " + "9" * 5000, "a whole number has thousands of digits"),
        (
            SEED_TEXT.replace("epochs = 10", f"epochs = 0x{'f' * 5000}", 1),
            "epochs = a number of very many digits is out of",
        ),
        (SEED_TEXT.replace('1 = "A1"', '"١" = "A1"'), '"١" in gpus is not a GPU number'),
        (SEED_TEXT.replace('1 = "A1"', f'{"9" * 5000} = "A1"'), "in gpus is not a GPU number"),
    ],
    ids=["lists", "tables", "digits", "hexadecimal", "another script's digit", "a key of digits"],
)
def test_files_made_to_break_the_reader(write, text, says):
    with pytest.raises(StudyError) as caught:
        write(text)
    assert says in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(StudyError, match="no such study file"):
        load_study(tmp_path / "none.toml")
    with pytest.raises(StudyError, match="a folder, not a study file"):
        load_study(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b"a = 1\nb = '\xff'\n")
    with pytest.raises(StudyError, match="line 2, column 6: not UTF-8"):
        load_study(tmp_path / "latin.toml")
    (tmp_path / "bom.toml").write_bytes(b"\xef\xbb\xbf" + SEED_TEXT.replace("\n", "\r\n").encode())
    assert load_study(tmp_path / "bom.toml").name == "lr5e7"


def test_which_file_is_used(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_study(Path("other.toml")) == Path("other.toml")
    shipped = find_study()
    assert shipped.is_file()
    assert load_study(shipped).name == "lr5e7"
    Path("experiments.toml").write_text("", encoding="utf-8")
    assert find_study() == Path("experiments.toml")
    beside = tmp_path / "package"
    beside.mkdir()
    (beside / "experiments.toml").write_text("", encoding="utf-8")
    Path("experiments.toml").unlink()
    monkeypatch.setattr(find, "__file__", str(beside / "find.py"))
    assert find_study() == beside / "experiments.toml"


def test_options_are_spelt_as_options():
    with pytest.raises(UsageError, match=r"^command line: --lr 2 is out of range; allowed: more than 0, at most 1$"):
        validate_settings({"lr": 2}, "command line")
    with pytest.raises(UsageError, match=r'unknown option --multiscale; did you mean "--multi_scale"\?'):
        validate_settings({"multiscale": True}, "command line")
    with pytest.raises(StudyError, match=r"^\[x\]: lr = 2 is out of range"):
        validate_settings({"lr": 2}, "[x]")
    values = validate_settings({"lr_ratio": 10, "seed": 3}, "command line")
    assert values == {"lr_ratio": 10.0, "seed": 3}
    assert isinstance(values["lr_ratio"], float)


def test_no_line_rather_than_a_wrong_one():
    text = '[a]\nx = 1 # y = 2\n[b]\n"y" = 3\nz = 1\nt = { z = 2 }\n[b.c]\nw = 1\n'
    assert line_of(text, "a", "x") == 2
    assert line_of(text, "a", "y") is None
    assert line_of(text, "b", "y") == 4
    assert line_of(text, "b", "z") is None
    assert line_of(text, "b", "w") == 8
    assert line_of(text, "b") == 3
    assert line_of(text, "d") is None
    assert line_of(text + 'm = """\n[a]\n"""', "a", "x") is None
