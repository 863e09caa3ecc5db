"""The pages of the clinic's courses: the list of all, and one course with its gates, its totals and its forms."""

from collections.abc import Callable
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from nicegui import Client, ui

from pumpd.dashboard import course_trend
from pumpd.dashboard.course_forms import LISTED, ON_A_COURSE, forms
from pumpd.dashboard.course_picture import moment, score_line, steps, summary
from pumpd.dashboard.desk import DeskWindow
from pumpd.dashboard.hall import Hall, Page
from pumpd.dashboard.seat import Seat
from pumpd.mqtt.course_payloads import CourseAnswer
from pumpd.mqtt.course_requests import is_course_id
from pumpd.mqtt.payloads import printable

NO_CLINIC = "This site has no courses: its site file has no [clinic] section."

Render = Callable[..., str]
"""Makes a text of a template, by its name, and values."""
OpenPage = Callable[[Client, Seat, tuple[str, ...], str], tuple[Page, dict[str, Any]]]
"""Opens a window of a seat that shows these beds, and returns it with what every template needs."""


def add_course_pages(hall: Hall, render: Render, seated: Callable[[Request], Seat | None], open_page: OpenPage) -> None:
    """Add the pages. Every one of them shows the mode of every bed with its stop."""

    @ui.page("/courses")
    def courses(request: Request, client: Client) -> Response | None:
        seat = seated(request)
        if seat is None:
            return RedirectResponse("/login", status_code=303)
        if hall.site.clinic is None:
            return HTMLResponse(NO_CLINIC, status_code=404)
        page, common = open_page(client, seat, tuple(hall.board.beds), "courses")

        def draw(answer: CourseAnswer) -> str:
            return render("list_view.html", courses=answer.worklist, left_off=answer.left_off, **WORDS)

        _follow(DeskWindow(page, seat, hall.board, kind="worklist", fields={}, draw=draw), client)
        with ui.element("div").classes("ward"):
            ui.html(render("courses.html", beds=page.beds, forms=forms(LISTED, page.beds), **common), sanitize=False)
        return None

    @ui.page("/course/{name}")
    def course(request: Request, client: Client, name: str) -> Response | None:
        seat = seated(request)
        if seat is None:
            return RedirectResponse("/login", status_code=303)
        if hall.site.clinic is None:
            return HTMLResponse(NO_CLINIC, status_code=404)
        if not is_course_id(name):
            return HTMLResponse("There is no such course here.", status_code=404)
        page, common = open_page(client, seat, tuple(hall.board.beds), "course")
        common |= {"beds": page.beds, "course": name}
        with ui.element("div").classes("ward"):
            ui.html(render("course_top.html", **common), sanitize=False)
            chart = ui.echart(course_trend.options(None)).classes("trend panel")
            ui.html(render("course_foot.html", forms=forms(ON_A_COURSE, page.beds), **common), sanitize=False)

        def draw(answer: CourseAnswer) -> str:
            shown = answer.courses[0]
            options = course_trend.options(shown)
            if chart.options != options:
                chart.options.clear()
                chart.options.update(options)
                chart.update()
            return render(
                "course_view.html",
                course=shown,
                steps=steps(shown),
                summary=summary(shown),
                may_command=common["may_command"],
                **WORDS,
            )

        window = DeskWindow(page, seat, hall.board, kind="show", fields={"course": name}, draw=draw)
        _follow(window, client)
        return None


WORDS = {"moment": moment, "printable": printable, "score_line": score_line}
"""What the templates of a course word by themselves."""


def _follow(window: DeskWindow, client: Client) -> None:
    """Let a window ask while its page lives, and take its presses."""
    ui.on("ask", window.asked)
    ui.on("desk-press", lambda event: window.pressed(event.args))
    client.on_delete(window.closed)
