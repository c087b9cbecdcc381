"""A dialog that plans a start: what its fields mean is looked up in a thread, and shown before Enter does it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message
from textual.widgets import Static
from textual.worker import get_current_worker

from iqa_tui.actions.orders import RelaunchOrder, StartOrder
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
    """Why the fields make no order."""

    words: str


class PlanningDialog(Dialog[StartOrder | RelaunchOrder]):
    """`order()` says what the fields mean; `#planned` and `#findings` show what it would do.

    Ids here are none of another screen's: the rules of its style sheet would hold here, too.
    """

    class Looked(Message):
        """What an order would do, or why it cannot be carried out."""

        def __init__(self, order: StartOrder, found: StartPlan | FormError) -> None:
            super().__init__()
            self.order = order
            self.found = found

    def __init__(self, target: Target) -> None:
        super().__init__()
        self.target = target
        self.plan: StartPlan | None = None
        self._ordered: StartOrder | None = None
        self._accept_it = False

    def order(self) -> StartOrder | FormError | None:
        """What the fields mean; None where there is nothing to look up."""
        raise NotImplementedError

    def looked(self, order: StartOrder, plan: StartPlan) -> None:
        """Called with every new plan."""

    def plan_parts(self) -> list[Static]:
        """Where the plan is shown."""
        return [
            Static(id="planned", classes="part", markup=False),
            Static(id="findings", classes="part", markup=False),
        ]

    def on_mount(self) -> None:
        """Look at once."""
        super().on_mount()
        self.renew()

    def on_choice_changed(self, message: Choice.Changed) -> None:
        """Look again."""
        message.stop()
        self.renew()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Look again."""
        event.stop()
        self.renew()

    def renew(self) -> None:
        """Look up what the fields mean now."""
        order = self.order()
        self._accept_it = False
        if isinstance(order, StartOrder) and order == self._ordered:
            return
        self.plan, self._ordered = None, None
        if isinstance(order, StartOrder):
            self._ordered = order
            self.complain("")
            self.run_worker(lambda: self._look(order), thread=True, exclusive=True, group="plan")
        else:
            self._show_nothing()
            self.complain(order.words if order else "")

    def on_planning_dialog_looked(self, message: Looked) -> None:
        """Show it, unless the fields have changed meanwhile."""
        if message.order != self._ordered:
            return
        if isinstance(message.found, FormError):
            self._show_nothing()
            self.complain(message.found.words)
            return
        self.plan = message.found
        put(self.query_one("#planned", Static), runs_content(self.plan))
        put(self.query_one("#findings", Static), findings_content(self.plan.findings))
        self.looked(message.order, self.plan)
        if self._accept_it:
            self.action_accept()

    def action_accept(self) -> None:
        """Enter: it is done, or what forbids it is said."""
        order = self.order()
        if not isinstance(order, StartOrder):
            if order is not None:
                self.complain(order.words)
        elif self.plan is None:
            self._accept_it = self._ordered is not None and not self.query_one("#complaint").display
        elif self.plan.errors:
            self.complain(f"not started: {self.plan.errors[0].code}: {self.plan.errors[0].message}")
        elif not self.plan.to_do:
            self.complain("nothing to start: all of it is complete, runs or waits already")
        else:
            self.dismiss(order)

    def _look(self, order: StartOrder) -> None:
        """In a thread."""
        from iqa_train.errors import UserError
        from iqa_tui.actions.start_plan import plan_start

        worker = get_current_worker()
        found: StartPlan | FormError
        try:
            found = plan_start(self.target, order)
        except UserError as error:
            found = FormError(str(error))
        except OSError as error:
            found = FormError(f"{error.filename or 'a file'}: {error.strerror}")
        if not worker.is_cancelled:
            self.post_message(self.Looked(order, found))

    def _show_nothing(self) -> None:
        put(self.query_one("#planned", Static), "")
        put(self.query_one("#findings", Static), "")


def seeds_from(text: str) -> tuple[int, ...] | FormError | None:
    """Seeds as somebody types them, with commas or spaces; None for an empty line."""
    words = text.replace(",", " ").split()
    for word in words:
        if not (word.isascii() and word.isdigit() and int(word) < _MOST_SEED):
            return FormError(f'seeds: "{word}" is not a whole number from 0 up; such as 42 43 44')
    return tuple(dict.fromkeys(map(int, words))) or None
