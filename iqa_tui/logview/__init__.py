"""The log view: shows a file of any size from its end, follows, searches and filters it.

Data flows from `source` (the file) through `index` and `document` (its lines), `ansi` (text and colours) and `scan`
(which lines match) to `view` (the widget) and `pane` (the widget with its status line and prompt).
"""

from iqa_tui.logview.pane import LogPane
from iqa_tui.logview.status import LogStatus
from iqa_tui.logview.view import LogView

__all__ = ["LogPane", "LogStatus", "LogView"]
