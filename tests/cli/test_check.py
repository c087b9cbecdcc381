"""`iqa-train check`."""

import json
import subprocess
import sys

import pytest

from iqa_train.cli.commands.check import findings_text, main
from iqa_train.errors import StudyError, UsageError
from iqa_train.study.findings import Finding

RISING = """\
[study]
name = "s"
baseline = "B"
[defaults]
lr = 5e-7
lr_floor = 1e-6
[[experiments]]
id = "B"
"""


def test_the_packaged_study(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "72")
    assert main([]) == 0
    out = capsys.readouterr().out
    assert "A2  inert-setting" in out
    assert out.rstrip().endswith("7 warnings, 2 notes; no errors, the study can run.")
    assert max(len(line) for line in out.splitlines()[2:]) <= 72
    assert main(["--demo"]) == 0
    assert "demo: The five experiments" in capsys.readouterr().out


def test_json(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    for finding in document["findings"]:
        assert set(finding) == {"code", "severity", "experiment", "settings", "message"}
    assert {f["experiment"] for f in document["findings"]} == {"A1", "A2", "B1", "B2", None}


def test_errors_end_with_1_and_a_bad_file_with_2(tmp_path, capsys):
    path = tmp_path / "rising.toml"
    path.write_text(RISING, encoding="utf-8")
    assert main(["--experiments", str(path)]) == 1
    assert "1 error; errors must be fixed" in capsys.readouterr().out
    path.write_text("[study", encoding="utf-8")
    with pytest.raises(StudyError, match="line 1, column 7"):
        main(["--experiments", str(path)])


@pytest.mark.parametrize("argv", [["--exp", "A1"], ["--profile", "nope"], ["--demo", "--profile", "x"], ["extra"]])
def test_bad_usage(argv):
    with pytest.raises(UsageError):
        main(argv)


def test_text_groups_by_severity():
    findings = [Finding("c", s, None, (), f"{s} message") for s in ("note", "error", "warning")]
    text = findings_text(findings, 60)
    assert text.index("Errors") < text.index("Warnings") < text.index("Notes")
    assert "every experiment  c" in text
    assert findings_text([]) == "No problems found."


def test_check_needs_no_heavy_import():
    code = (
        "import sys; from iqa_train.cli.commands.check import main; main(['--json']); "
        "heavy = {'torch', 'timm', 'rich', 'textual', 'pandas'} & set(sys.modules); "
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_setting_that_starts_a_sentence_keeps_its_case():
    found = findings_text([Finding("c", "error", "A", (), 'network = "n.py:f": there is none')])
    assert '      network = "n.py:f": there is none.' in found
