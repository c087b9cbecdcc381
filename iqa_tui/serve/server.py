"""Serves the console: one process for each open page, drawn by textual-serve's terminal.

The page, its style and its script are our own; the terminal's script and fonts come from the installed textual-serve.
Nothing is fetched from elsewhere, and the page's content policy forbids it.
"""

import asyncio
import contextlib
import logging
import shlex
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from weakref import WeakSet

import jinja2
import textual_serve
from aiohttp import WSCloseCode, WSMsgType, web
from aiohttp.http_exceptions import HttpProcessingError
from textual_serve.app_service import AppService
from textual_serve.download_manager import DownloadManager

from iqa_train.runner.program import python_command
from iqa_tui.serve.access import AccessControl, Handler
from iqa_tui.serve.connections import BoundedListener

_PAGE = Path(__file__).with_name("page")
_TERMINAL = Path(str(textual_serve.__file__)).with_name("static")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self'; img-src 'self' data:; "
    "connect-src 'self' ws://{host} wss://{host}; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_COLUMNS, _LINES = (20, 1000), (5, 500)  # limits of the terminal size that a page may request
_KEEPALIVE = 15.0  # seconds that a connection may be idle after a request
_MAX_CONSOLES = 16  # each is a process
_FULL = f"{_MAX_CONSOLES} consoles are open, which is the limit; close one of the pages and try again\n"


class ConsoleServer:
    """Serves the page, and connects each open page to a console of its own."""

    def __init__(self, options: Sequence[str], title: str, access: AccessControl) -> None:
        """`options` are passed to each console's `iqa-tui`."""
        self._access = access
        self._open_consoles = 0
        self._command = shlex.join(python_command("iqa_tui.cli", *options))
        self._title = title
        self._pages: WeakSet[web.WebSocketResponse] = WeakSet()
        environment = jinja2.Environment(loader=jinja2.FileSystemLoader(_PAGE), autoescape=True)
        self._template = environment.get_template("index.html")

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._access.check, _forbid_other_sources])
        app.add_routes([
            web.get("/", self._index),
            web.get("/ws", self._connect),
            web.static("/page", _PAGE),
            web.static("/terminal", _TERMINAL),
        ])  # fmt: skip
        app.on_shutdown.append(self._close)
        return app

    async def _index(self, request: web.Request) -> web.Response:
        if self._open_consoles >= _MAX_CONSOLES:
            return web.Response(status=503, text=_FULL)
        size = request.query.get("fontsize", "")
        html = self._template.render(title=self._title, font_size=size if size.isascii() and size.isdigit() else "15")
        return web.Response(text=html, content_type="text/html", headers={"Cache-Control": "no-store"})

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        """Run a console for as long as the page is open. Runs are not affected by either."""
        if self._open_consoles >= _MAX_CONSOLES:
            return web.Response(status=503, text=_FULL)
        self._open_consoles += 1
        try:
            return await self._console(request)
        finally:
            self._open_consoles -= 1

    async def _console(self, request: web.Request) -> web.WebSocketResponse:
        page = web.WebSocketResponse(heartbeat=15)
        await page.prepare(request)
        self._pages.add(page)

        async def close() -> None:
            await page.close()

        console = AppService(
            self._command,
            write_bytes=page.send_bytes,
            write_str=page.send_str,
            close=close,
            download_manager=DownloadManager(),
        )
        try:
            await console.start(_requested(request, "width", 80, _COLUMNS), _requested(request, "height", 24, _LINES))
        except OSError as error:  # no more processes or descriptors
            sys.stderr.write(f"iqa-tui: cannot start a console: {error.strerror}\n")
            await page.close(code=WSCloseCode.TRY_AGAIN_LATER)
            return page
        ended = asyncio.create_task(_close_at_end(console, page))
        try:
            await _forward(page, console)
        finally:
            await console.stop()
            await ended
            if console._process is not None:
                await console._process.wait()  # it counts as open until then
        return page

    async def _close(self, _: web.Application) -> None:
        for page in set(self._pages):
            await page.close(code=WSCloseCode.GOING_AWAY)


def run(server: ConsoleServer, listening: socket.socket) -> None:
    """Serve until Ctrl-C or SIGTERM."""
    with contextlib.redirect_stdout(sys.stderr):  # what a console prints at its end belongs on stderr
        asyncio.run(_serve(server, listening))


async def _serve(server: ConsoleServer, listening: socket.socket) -> None:
    logging.getLogger("aiohttp.server").addFilter(_is_ours)
    listener = BoundedListener(listening)
    app = server.app()
    app.middlewares.insert(0, listener.note_request)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0, keepalive_timeout=_KEEPALIVE)
    await runner.setup()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    sweep = asyncio.create_task(listener.close_idle())
    try:
        await web.SockSite(runner, listener).start()
        await stop.wait()
    finally:
        sweep.cancel()
        await runner.cleanup()


def _is_ours(record: logging.LogRecord) -> bool:
    """Whether a log record is about this program; malformed requests must not fill the terminal."""
    kind = record.exc_info[0] if record.exc_info else None
    return kind is None or not issubclass(kind, (HttpProcessingError, ConnectionError))


@web.middleware
async def _forbid_other_sources(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Make the browser refuse to load anything from elsewhere."""
    response = await handler(request)
    if not response.prepared:
        response.headers["Content-Security-Policy"] = _POLICY.format(host=request.host)
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Content-Type-Options"] = "nosniff"
    return response


async def _close_at_end(console: AppService, page: web.WebSocketResponse) -> None:
    """Close the page when its console ends or fails to start."""
    if console._task is not None:
        await asyncio.wait([console._task])
    await page.close()


async def _forward(page: web.WebSocketResponse, console: AppService) -> None:
    """Pass the page's messages on to the console; ignore unknown ones."""
    async for message in page:
        if message.type != WSMsgType.TEXT:
            continue
        match _parsed(message):
            case ["stdin", str(keys)]:
                await console.send_bytes(keys.encode(errors="replace"))
            case ["resize", {"width": int(width), "height": int(height)}]:
                await console.set_terminal_size(_within(width, _COLUMNS), _within(height, _LINES))
            case ["ping", sent]:
                await page.send_json(["pong", sent])
            case ["focus", *_]:
                await console.focus()
            case ["blur", *_]:
                await console.blur()


def _parsed(message: object) -> object:
    try:
        return message.json()  # type: ignore[attr-defined]
    except (ValueError, RecursionError):
        return None


def _requested(request: web.Request, name: str, default: int, bounds: tuple[int, int]) -> int:
    text = request.query.get(name, "")
    return _within(int(text), bounds) if text.isascii() and text.isdigit() and len(text) < 9 else default


def _within(value: int, bounds: tuple[int, int]) -> int:
    return max(bounds[0], min(bounds[1], value))
