"""The web application: log-in, ward and bed as pages of NiceGUI over one hall; courses have their own."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import uvicorn
from fastapi import FastAPI, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from nicegui import App, Client, ui
from nicegui import app as pages

from pumpd.core.commands import CLINICIANS, Attested, SymptomKind
from pumpd.dashboard import trend
from pumpd.dashboard.course_pages import Render, add_course_pages
from pumpd.dashboard.hall import Hall, Page
from pumpd.dashboard.picture import rules, syringes
from pumpd.dashboard.requests import PressError
from pumpd.dashboard.seat import Seat
from pumpd.mqtt.client import loop_ns

HERE = Path(__file__).parent
SCRIPTS = ("truth.js", "press.js", "desk.js", "sound.js")
SEAT = "seat"
TREND_EVERY_S = 5.0
RECONNECT_S = 15.0
"""How long a window whose link was cut may come back to what it was, with the presses that waited in it."""
SESSION_S = 12 * 3_600


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How the pages are served."""

    host: str
    port: int
    certificate: tuple[Path, Path] | None
    quiet_s: int
    """For how long a window in a therapy room keeps silent about alarms that are not of high priority."""
    procedure: str
    """The site's own words on what to do in a pause, shown on every bed (requirement UI-04)."""


def build(hall: Hall, options: Options) -> FastAPI:
    """Return the application; it runs the hall for as long as it is up."""

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        running = asyncio.create_task(hall.run(), name="hall")
        try:
            yield
        finally:
            running.cancel()
            await asyncio.wait([running])

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    pages.add_static_files("/static", HERE / "static")
    render = _renderer()
    _add_door(pages, hall, render)
    _add_pages(hall, options, render)
    ui.run_with(
        app,
        title="pumpd",
        favicon=HERE / "static" / "icon.svg",
        dark=True,
        language="en-GB",
        tailwind=False,
        reconnect_timeout=RECONNECT_S,
        storage_secret=secrets.token_urlsafe(32),
        session_middleware_kwargs={"https_only": options.certificate is not None, "max_age": SESSION_S},
        show_welcome_message=False,
    )
    return app


def _renderer() -> Render:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )

    def render(name: str, **values: Any) -> str:
        return environment.get_template(name).render(**values)

    return render


def _add_door(app: App, hall: Hall, render: Render) -> None:
    @app.get("/login")
    def login() -> HTMLResponse:
        return HTMLResponse(render("login.html", complaint=""))

    @app.post("/login")
    async def enter(request: Request, user: Annotated[str, Form()], password: Annotated[str, Form()]) -> Response:
        machine = request.client.host if request.client is not None else "unknown"
        try:
            key = await hall.log_in(user, password, machine)
        except PressError as error:
            return HTMLResponse(render("login.html", complaint=str(error)), status_code=403)
        request.session[SEAT] = key
        return RedirectResponse("/", status_code=303)

    @app.post("/logout")
    async def leave(request: Request) -> Response:
        hall.log_out(request.session.pop(SEAT, ""))
        return RedirectResponse("/login", status_code=303)


def _add_pages(hall: Hall, options: Options, render: Render) -> None:
    for name in SCRIPTS:
        ui.add_head_html(f'<script src="/static/{name}"></script>', shared=True)
    ui.add_head_html('<link rel="stylesheet" href="/static/pumpd.css">', shared=True)

    def seated(request: Request) -> Seat | None:
        return hall.seat(request.session.get(SEAT, ""))

    def open_page(client: Client, seat: Seat, shown: tuple[str, ...], view: str) -> tuple[Page, dict[str, Any]]:
        """Open a page over the hall, and return it with what every template needs."""
        role = hall.role(seat)
        may_command = role in CLINICIANS
        page = hall.open(seat, shown, client.run_javascript)
        settings = {"quiet_ms": options.quiet_s * 1_000}
        ui.add_body_html(
            f"<script>document.body.dataset.view = '{view}'; pumpd.mayCommand = {str(may_command).lower()};"
            f" pumpd.truth.settings = {settings};</script>"
        )
        ui.on("ask", lambda event: page.asked(event.args))
        ui.on("press", lambda event: page.pressed(event.args))
        ui.on("preview", lambda event: page.typed(event.args))
        client.on_delete(page.closed)
        has_clinic = hall.site.clinic is not None
        return page, {"user": seat.user, "role": role.value, "may_command": may_command, "has_clinic": has_clinic}

    add_course_pages(hall, render, seated, open_page)

    @ui.page("/")
    def ward(request: Request, client: Client) -> Response | None:
        seat = seated(request)
        if seat is None:
            return RedirectResponse("/login", status_code=303)
        beds = tuple(hall.board.beds)
        _, common = open_page(client, seat, beds, "ward")
        with ui.element("div").classes("ward"):
            ui.html(render("ward.html", beds=beds, **common), sanitize=False)
        return None

    @ui.page("/bed/{name}")
    def bed(request: Request, client: Client, name: str) -> Response | None:
        seat = seated(request)
        if seat is None:
            return RedirectResponse("/login", status_code=303)
        found = hall.board.beds.get(name)
        if found is None:
            return HTMLResponse("There is no such bed here.", status_code=404)
        _, common = open_page(client, seat, (name,), "bed")
        common |= {"bed": name}
        with ui.element("div").classes("bed").props(f'data-bed="{name}" data-summary="lost"'):
            ui.html(render("bed_top.html", procedure=options.procedure, **common), sanitize=False)
            chart = ui.echart(trend.options(found, loop_ns())).classes("trend panel")
            ui.html(
                render(
                    "bed_foot.html",
                    attested=[item.value for item in Attested],
                    symptoms=[each.value for each in SymptomKind],
                    syringes=syringes(found),
                    rules=[each["id"] for each in rules(found)],
                    **common,
                ),
                sanitize=False,
            )

        def draw() -> None:
            chart.options.clear()
            chart.options.update(trend.options(found, loop_ns()))
            chart.update()

        ui.timer(TREND_EVERY_S, draw)
        return None


async def serve(hall: Hall, options: Options) -> None:
    """Serve until SIGTERM or SIGINT."""
    certificate, key = options.certificate or (None, None)
    config = uvicorn.Config(
        build(hall, options),
        host=options.host,
        port=options.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=2,
        ssl_certfile=certificate,
        ssl_keyfile=None if key is None else str(key),
    )
    server = _Server(config, "https" if certificate else "http")
    await server.serve()


class _Server(uvicorn.Server):
    """Says once that it listens."""

    def __init__(self, config: uvicorn.Config, scheme: str) -> None:
        super().__init__(config)
        self._scheme = scheme

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        if self.started:
            print(f"dashboard listening on {self._scheme}://{self.config.host}:{self.config.port}", flush=True)
