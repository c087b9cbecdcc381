"""A dialog that plans a start in a thread and shows the plan before Enter carries it out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message
from textual.widgets import Static
from textual.worker import get_current_worker

from iqa_tui.actions.orders import RelaunchOrder, StartOrder
from iqa_tui.advice import by_keys
from iqa_tui.screens.parts.choice import Choice
from iqa_tui.screens.parts.dialog import Dialog, put
from iqa_tui.screens.parts.planview import findings_content, runs_content

if TYPE_CHECKING:
    from textual.widgets import Input

    from iqa_tui.actions.start_plan import StartPlan
    from iqa_tui.state.board import Target

_MOST_SEED = 2**63


@dataclass(frozen=True)
class FormError:
    """Why the fields do not make a valid order."""

    words: str


class PlanningDialog(Dialog[StartOrder | RelaunchOrder]):
    """`order()` reads the fields; `#planned` and `#findings` show what it would do.

    Ids must not occur in another screen, whose style sheet would apply here, too.
    """

    class PlanReady(Message):
        """What an order would do, or why it cannot be carried out."""

        def __init__(self, order: StartOrder, outcome: StartPlan | FormError) -> None:
            super().__init__()
            self.order = order
            self.outcome = outcome

    def __init__(self, target: Target) -> None:
        super().__init__()
        self.target = target
        self.plan: StartPlan | None = None
        self._planned_order: StartOrder | None = None
        self._accept_when_ready = False

    def order(self) -> StartOrder | FormError | None:
        """The order that the fields describe; None if there is nothing to plan."""
        raise NotImplementedError

    def show_plan(self, order: StartOrder, plan: StartPlan) -> None:
        """Called with every new plan."""

    def plan_parts(self) -> list[Static]:
        """The widgets that show the plan."""
        return [
            Static(id="planned", classes="part", markup=False),
            Static(id="findings", classes="part", markup=False),
        ]

    def on_mount(self) -> None:
        super().on_mount()
        self.replan()

    def on_choice_changed(self, message: Choice.Changed) -> None:
        message.stop()
        self.replan()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.replan()

    def replan(self) -> None:
        """Plan what the fields describe now."""
        order = self.order()
        self._accept_when_ready = False
        if isinstance(order, StartOrder) and order == self._planned_order:
            return
        self.plan, self._planned_order = None, None
        if isinstance(order, StartOrder):
            self._planned_order = order
            self.complain("")
            self.run_worker(lambda: self._plan(order), thread=True, exclusive=True, group="plan")
        else:
            self._clear_plan()
            self.complain(order.words if order else "")

    def on_planning_dialog_plan_ready(self, message: PlanReady) -> None:
        """Show the plan, unless the fields have changed since."""
        if message.order != self._planned_order:
            return
        if isinstance(message.outcome, FormError):
            self._clear_plan()
            self.complain(message.outcome.words)
            return
        self.plan = message.outcome
        put(self.query_one("#planned", Static), runs_content(self.plan))
        put(self.query_one("#findings", Static), findings_content(self.plan.findings))
        self.show_plan(message.order, self.plan)
        if self.plan.data_problems:
            self.complain(by_keys(self.plan.data_problems[0]))
        if self._accept_when_ready:
            self.action_accept()

    def action_accept(self) -> None:
        """Dismiss with the order, or complain about what prevents it."""
        order = self.order()
        if not isinstance(order, StartOrder):
            if order is not None:
                self.complain(order.words)
        elif self.plan is None:
            self._accept_when_ready = self._planned_order is not None and not self.query_one("#complaint").display
        elif self.plan.errors:
            self.complain(f"not started: {self.plan.errors[0].code}: {self.plan.errors[0].message}")
        elif self.plan.data_problems:
            self.complain(f"not started: {by_keys(self.plan.data_problems[0])}")
        elif not self.plan.to_do:
            self.complain("nothing to start: all of these runs are complete, running or queued")
        else:
            self.dismiss(order)

    def _plan(self, order: StartOrder) -> None:
        """Runs in a thread."""
        from iqa_train.errors import UserError
        from iqa_tui.actions.start_plan import plan_start

        worker = get_current_worker()
        outcome: StartPlan | FormError
        try:
            outcome = plan_start(self.target, order)
        except UserError as error:
            outcome = FormError(str(error))
        except OSError as error:
            outcome = FormError(f"{error.filename or 'a file'}: {error.strerror}")
        if not worker.is_cancelled:
            self.post_message(self.PlanReady(order, outcome))

    def _clear_plan(self) -> None:
        put(self.query_one("#planned", Static), "")
        put(self.query_one("#findings", Static), "")


def seeds_from(text: str) -> tuple[int, ...] | FormError | None:
    """Seeds typed with commas or spaces; None for an empty line."""
    words = text.replace(",", " ").split()
    for word in words:
        if not (word.isascii() and word.isdigit() and int(word) < _MOST_SEED):
            return FormError(f'seeds: "{word}" is not a whole number of at least 0; enter seeds such as 42 43 44')
    return tuple(dict.fromkeys(map(int, words))) or None
