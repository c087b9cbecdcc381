"""What the tracker says of a study: the main table, verdicts, contributions, where the numbers come from."""

from iqa_train.report.markdown import escaped, results_markdown
from iqa_train.report.report_data import ReportData
from iqa_train.report.verdict_text import WHAT_IS_GAINED, gains


def tracker_text(material: ReportData) -> str:
    """Markdown without a date or a place: it changes when the results do, and at no other time."""
    parts = [results_markdown(material.main)]
    gained = _contributions(material)
    if gained:
        parts.append("\n".join(["### Contributions", "", WHAT_IS_GAINED, "", *gained]))
    origins = _origins(material)
    if origins:
        parts.append("\n".join(["### Origin", "", *origins]))
    return "\n\n".join(parts) + "\n"


def _contributions(material: ReportData) -> list[str]:
    return [
        f"- {escaped(one.label)} ({escaped(one.experiment)}): {escaped(one.gain)}{', ' * bool(one.remark)}{one.remark}"
        for one in gains(material.main)
    ]


def _origins(material: ReportData) -> list[str]:
    """One line for all runs that come from the same code and data."""
    groups: dict[tuple[str, str], list[str]] = {}
    for origin in material.origins:
        run = f"{origin.experiment} s{origin.seed}-{origin.config_hash}"
        groups.setdefault((origin.commit or "not known", origin.data or "not known"), []).append(run)
    return [
        f"- code {escaped(code)}, data {escaped(data)}: {escaped(', '.join(runs))}"
        for (code, data), runs in groups.items()
    ]
