"""`iqa-train check`: reads a study file and reports problems of its design, before anything runs."""

import json
import textwrap
from collections.abc import Sequence
from pathlib import Path

from iqa_train.cli.parser import Parser, add_study_options
from iqa_train.cli.scope import study_and_profile
from iqa_train.cli.text import terminal_width
from iqa_train.datasets.leaks import audit_with_data
from iqa_train.runs.kind import waiting, waits_words
from iqa_train.runs.round_seconds import measured_minutes
from iqa_train.study.audit import merged
from iqa_train.study.find import file_option
from iqa_train.study.findings import SEVERITIES, Finding
from iqa_train.study.model import Study
from iqa_train.study.profiles import study_name, study_title
from iqa_train.study.resolve import resolve
from iqa_train.text import plural

_WIDEST = 110
_DESCRIPTION = """\
Read a study file and report problems of its design: settings without effect, experiments that differ from the baseline
in several factors, schedules that rise, expected differences too small for the test set, splits that separate images of
the same reference. No run starts; networks and losses of the study's own code are tried, in a process of their own."""
_EPILOG = "exit status: 0 no errors (warnings and notes do not count), 1 errors found, 2 the file is not valid"


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status. Raises UserError for an invalid file or command line."""
    options = _parser().read(argv)
    study, profile = study_and_profile(options)
    minutes = measured_minutes(Path(options.runs_dir), study_name(study, profile), study.baseline)
    found = audit_with_data(study, profile, minutes=minutes, for_slurm=options.backend == "slurm")
    findings = [*found, *_waiting(study, profile, Path(options.runs_dir))]
    if options.code:
        findings = _with_code(findings, study, profile, options.time_limit)
    if options.json:
        document = {
            "study": study_name(study, profile),
            "file": str(study.path),
            "profile": profile,
            "findings": [finding.as_json() for finding in findings],
        }
        print(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        title = study_title(study, profile)
        print(f"{study_name(study, profile)}" + (f": {title}" if title else ""))
        under = f", profile {profile}" if profile else ""
        print(f"{study.path}{under}: {plural(len(study.experiments), 'experiment')}\n")
        print(findings_text(findings))
    return 1 if any(finding.severity == "error" for finding in findings) else 0


def _waiting(study: Study, profile: str | None, runs_dir: Path) -> list[Finding]:
    """A note for each external experiment that has no predictions yet."""
    about = {one.id: one.external for one in study.experiments if one.external}
    return [
        Finding(
            "waits-for-predictions",
            "note",
            name,
            (),
            f"trained on {about[name]}; it {waits_words(name, file_option(study.path, profile))}",
        )
        for name in waiting(about, study_name(study, profile), runs_dir)
    ]


def _with_code(findings: list[Finding], study: Study, profile: str | None, seconds: float) -> list[Finding]:
    """The findings, and those of running the study's own code; not that of experiments which have errors already."""
    specs = [resolve(study, name, profile=profile) for name in study.run_here]
    refused = {finding.experiment for finding in findings if finding.severity == "error"}
    sound = [] if None in refused else [spec for spec in specs if spec.experiment not in refused]
    if not any(spec.code for spec in sound):
        return findings
    from iqa_train.cli.try_code import network_findings
    from iqa_train.cli.try_loss import loss_findings

    tried = [*network_findings(sound, seconds), *loss_findings(sound, seconds)]
    found = [*findings, *merged(tried, study.ids)]
    return sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))


def findings_text(findings: Sequence[Finding], width: int | None = None) -> str:
    """The findings as text: by severity, wrapped to `width` (default: the terminal's), and a closing count."""
    width = width or min(terminal_width(), _WIDEST)
    parts = []
    for severity in SEVERITIES:
        chosen = [finding for finding in findings if finding.severity == severity]
        if chosen:
            parts.append(f"{severity.capitalize()}s\n")
            parts += [_entry(finding, width) for finding in chosen]
    return "\n".join([*parts, summary(findings)])


def summary(findings: Sequence[Finding]) -> str:
    """The closing line: how many findings of each severity."""
    counts = {severity: sum(f.severity == severity for f in findings) for severity in SEVERITIES}
    if not findings:
        return "No problems found."
    named = [plural(n, severity) for severity, n in counts.items() if n]
    end = "errors must be fixed before runs can start" if counts["error"] else "no errors, the study can run"
    return f"{', '.join(named)}; {end}."


def _entry(finding: Finding, width: int) -> str:
    head = f"  {finding.experiment or 'every experiment'}  {finding.code}"
    body = textwrap.fill(
        _sentence(finding.message),
        max(width, 40),
        initial_indent="      ",
        subsequent_indent="      ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return f"{head}\n{body}\n"


def _sentence(message: str) -> str:
    """The message as a sentence; the name of a setting or a file keeps its case."""
    first, _, rest = message.partition(" ")
    is_name = {"_", ":", "/"} & set(first) or rest.startswith("= ")
    sentence = message if is_name else message[:1].upper() + message[1:]
    return sentence if sentence.endswith("?") else f"{sentence}."


def _parser() -> Parser:
    parser = Parser("iqa-train check", _DESCRIPTION, _EPILOG)
    add_study_options(parser)
    parser.add_argument(
        "--backend", choices=("local", "slurm"),
        help="slurm: also what jobs of a cluster are given, if the file has no [slurm]",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON object, for programs")
    parser.add_argument("--no-code", dest="code", action="store_false", help="run no code of the study's own")
    parser.add_argument(
        "--time-limit", type=float, default=300.0, metavar="SECONDS",
        help="how long each of the study's own networks and losses may take to be tried (default: 300)",
    )  # fmt: skip
    return parser
