"""The relaunch dialog: continue from the checkpoint, start over, or use other settings or seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from iqa_train.results.shown import at_epoch
from iqa_tui.actions.orders import RelaunchOrder, StartOrder
from iqa_tui.actions.relaunch import relaunch_options
from iqa_tui.safe import plain
from iqa_tui.screens.parts.choice import Choice
from iqa_tui.screens.parts.dialog import field, put
from iqa_tui.screens.parts.planning import FormError, PlanningDialog, seeds_from
from iqa_tui.screens.parts.settings_form import SettingsForm

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.widget import Widget

    from iqa_tui.actions.start_plan import StartPlan
    from iqa_tui.state.board import RunLine, Target

CONTINUE, START_OVER, CHANGED = "continue", "start over", "changed"


class RelaunchScreen(PlanningDialog):
    """Returns a RelaunchOrder for the run as it is, or a StartOrder for other settings or seeds."""

    DOES = "Queue"
    KEYS = "↑↓ field  ←→ change  pgdn more"

    def __init__(self, line: RunLine, target: Target) -> None:
        super().__init__(target)
        self.line = line
        self.options = relaunch_options(line)
        self.TITLE_WORDS = f"Relaunch {line.experiment} ({line.run.seed_words})"

    def parts(self) -> Iterable[Widget]:
        choices = []
        if self.options.resume:
            epochs = f" after epoch {self.options.epochs}" if self.options.epochs else ""
            choices.append((CONTINUE, f"continue from the last checkpoint{epochs}"))
        if self.options.start_over:
            choices.append((START_OVER, "start over"))
        choices.append((CHANGED, "with other settings or seeds, as a separate run"))
        yield field("How", Choice(choices, id="how"))
        yield Static(id="as-it-is", classes="part", markup=False)
        with_changes = Vertical(
            field("Seeds", Input(id="seeds", compact=True, placeholder=f"{self.line.seed} (unchanged)")),
            field("Settings", SettingsForm(id="settings")),
            Static(id="differs", classes="part", markup=False),
            *self.plan_parts(),
            id="changed",
        )
        with_changes.styles.height = "auto"
        yield with_changes

    def order(self) -> StartOrder | FormError | None:
        """The order for changed settings; None if nothing is changed."""
        changed = self.query_one("#how", Choice).value == CHANGED
        self.query_one("#changed").display = changed
        put(self.query_one("#as-it-is", Static), self._as_it_is() if not changed or self.options.why_not else "")
        put(self.query_one("#differs", Static), "")
        if not changed:
            return None
        seeds = seeds_from(self.query_one("#seeds", Input).value)
        if isinstance(seeds, FormError):
            return seeds
        changes, wrong = self.query_one(SettingsForm).read()
        if wrong:
            return FormError("\n".join(wrong))
        if not changes and seeds is None:
            return None
        return StartOrder((self.line.key,), seeds=seeds, changes=changes)

    def show_plan(self, order: StartOrder, plan: StartPlan) -> None:
        """Show what differs from the run as it is and from the baseline."""
        put(self.query_one("#differs", Static), _differences(order, plan, self.line))

    def action_accept(self) -> None:
        how = self.query_one("#how", Choice).value
        if how == CHANGED and self.order() is None:
            self.complain("nothing is changed: enter a setting or other seeds, or choose another way above")
        elif how == CHANGED:
            super().action_accept()
        else:
            self.dismiss(RelaunchOrder((self.line.key,), again=how == START_OVER))

    def _as_it_is(self) -> Content:
        row = self.line.row
        if self.options.why_not:
            return Content.styled(plain(f"Unchanged: {self.options.why_not}."), "$text-warning")
        if row is None:
            return Content()
        reason = f": {row.reason.partition(';')[0]}" if row.reason else ""
        words = f"Attempt {row.attempt} {row.state}{reason}. This will be attempt {row.attempt + 1}."
        if self.query_one("#how", Choice).value == START_OVER:
            words += f" {_results_words(self.line)}"
        return Content(plain(words))


def _results_words(line: RunLine) -> str:
    """What starting over does to the results."""
    if line.own is None or not line.own.finished:
        return "It has no result; the files of earlier attempts are kept."
    value = "" if line.own.value is None else f" ({at_epoch(line.own.value, None)})"
    whose = "every difference is" if line.is_baseline else "its difference is"
    return (
        f"Its result{value} counts until the new run is complete: {whose} from that one until then. "
        "It is kept in the folder of its attempt."
    )


def _differences(order: StartOrder, plan: StartPlan, line: RunLine) -> Content:
    """Which settings differ from the run's own and from the baseline's, and whether that makes another run."""
    from iqa_train.study.messages import shown

    if not plan.runs:
        return Content()
    spec = plan.runs[0].spec
    before = plan.runs[0].resolved.before
    pairs = [f"{name}: {shown(before[name])} → {shown(value)}" for name, value in order.changes.items()]
    parts = [Content(plain(pair)) for pair in pairs]
    if spec.baseline is not None and spec.differs:
        pairs = [f"{name} {shown(base)} → {shown(value)}" for name, (base, value) in spec.differs.items()]
        parts.append(Content(plain(f"differs from {spec.baseline} in: {', '.join(pairs)}")))
    if spec.config_hash != line.run.config_hash:
        text = (
            f"Other settings make a separate run, {plan.runs[0].run.path.name}: it is listed in the table, "
            "but it does not count in the study's results."
        )
        parts.append(Content.styled(plain(text), "$text-warning"))
    return Content("\n").join(parts)
