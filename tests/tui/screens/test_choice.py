"""A field of a dialog shows all its options while one is choosing, and takes a line otherwise."""

from textual.app import App, ComposeResult

from iqa_tui.screens.parts.choice import Choice

POLICY = "batches: one after another, on the devices given in the study file"


class Form(App[None]):
    CSS = "Screen { width: 40; }"

    def compose(self) -> ComposeResult:
        yield Choice([("batches", POLICY), ("greedy", "greedy: whatever is free")], id="policy")
        yield Choice([(n, f"run {n}") for n in range(20)], id="run")

    def lines(self) -> list[str]:
        strips = self.screen._compositor.render_strips()
        return [text for strip in strips if (text := "".join(segment.text for segment in strip).strip())]


async def test_the_field_in_focus_lists_its_options_in_full() -> None:
    app = Form()
    async with app.run_test(size=(40, 24)) as pilot:
        await pilot.pause()
        first, second, third, other = app.lines()
        assert f"{first} {second}" == f"● {POLICY}"
        assert third == "○ greedy: whatever is free"
        assert other.startswith("‹ run 0 ›")
        await pilot.press("right")
        await pilot.pause()
        assert app.lines()[2] == "● greedy: whatever is free"
        await pilot.press("tab", "left")
        await pilot.pause()
        assert app.lines()[0].startswith("‹ greedy")
        assert app.lines()[1:] == [f"○ run {n}" for n in range(14, 19)] + ["● run 19 (20/20)"]


async def test_a_click_opens_the_list_and_another_selects() -> None:
    app = Form()
    async with app.run_test(size=(40, 24)) as pilot:
        await pilot.pause()
        run = app.query_one("#run", Choice)
        await pilot.click("#run")
        await pilot.pause()
        assert run.value == 0
        await pilot.click("#run", offset=(3, 2))
        await pilot.pause()
        assert run.value == 2
