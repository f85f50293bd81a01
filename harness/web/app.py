"""``hearsay serve``: the run store as pages, on this machine only."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

from harness.campaign.summary import Summary, read_summary
from harness.errors import BadInput
from harness.run_index import WORDS, Filter, RunIndex, RunSummary
from harness.store import CAMPAIGNS, LATEST, LATEST_FAILED, RunDirectory
from harness.web.files import file_of, lines_of
from harness.web.guard import STORED_POLICY, Guard
from harness.web.pages import compared, page_of
from harness.web.progress import events_of, is_under_way
from harness.web.rendering import rendered, static
from nemesis.plan import KINDS

RUNS_A_PAGE: Final = 50
CAMPAIGNS_MAX: Final = 200

_STATIC: Final = {"hearsay.css": "text/css", "hearsay.js": "text/javascript"}
_FILTERS: Final = tuple(Filter.__dataclass_fields__)


def pages(root: Path) -> Starlette:
    """The application for the store at ``root``.  Nothing it does changes a run."""
    site = _Site(root)
    app = Starlette(
        routes=[
            Route("/", site.runs),
            Route("/runs/{workload}/{run}", site.run),
            Route("/runs/{workload}/{run}/lines/{file:path}", site.lines),
            Route("/runs/{workload}/{run}/events", site.events),
            Route("/compare", site.compare),
            Route("/campaigns", site.campaigns),
            Route("/store/{name:path}", site.stored),
            Route("/static/{name}", site.static),
        ],
        middleware=[Middleware(Guard)],
        exception_handlers={HTTPException: _problem},
    )
    app.router.redirect_slashes = False
    return app


class _Site:
    """What is answered.  These are plain functions, so each is called in a thread of its own."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def runs(self, request: Request) -> Response:
        which, number = _filter(request.query_params), _number(request.query_params, "page")
        with closing(RunIndex(self._root)) as index:
            index.refresh()
            total = index.count(which)
            found = index.search(which, limit=RUNS_A_PAGE, offset=(number - 1) * RUNS_A_PAGE)
            return self._page(
                "runs.html",
                "runs",
                runs=found,
                under_way=self._under_way(found),
                total=total,
                all=index.count(),
                first=(number - 1) * RUNS_A_PAGE + 1,
                earlier=_link(which, number + 1) if number * RUNS_A_PAGE < total else None,
                later=_link(which, number - 1) if number > 1 else None,
                which=which,
                verdicts=WORDS,
                workloads=index.values("workload"),
                bugs=index.values("bug"),
                faults=("none", *KINDS),
            )

    def run(self, request: Request) -> Response:
        run = self._found(request)
        return self._page("run.html", "runs", run=page_of(run))

    def lines(self, request: Request) -> Response:
        run, name = self._found(request), request.path_params["file"]
        path = file_of(self._root, f"{run.path.parent.name}/{run.path.name}/{name}")
        if path is None:
            raise HTTPException(404, f"{run.path.name} has no such file: {name}")
        text = request.query_params.get("text", "")
        first = _number(request.query_params, "from")
        return self._page(
            "lines.html",
            "runs",
            run=f"{run.path.parent.name}/{run.path.name}",
            title=run.path.name,
            file=name,
            text=text,
            first=first,
            lines=lines_of(path, first, text),
            query=lambda number: urlencode({"from": number, "text": text}),
        )

    async def events(self, request: Request) -> Response:
        return StreamingResponse(events_of(self._found(request)), media_type="text/event-stream")

    def compare(self, request: Request) -> Response:
        names = request.query_params.getlist("run")
        if len(names) != 2:
            raise HTTPException(400, f"Two runs can be compared, and {len(names)} are chosen.")
        left, right = (page_of(self._named(name)) for name in names)
        return self._page("compare.html", "runs", both=compared(left, right))

    def campaigns(self, _: Request) -> Response:
        found = sorted(self._root.glob(f"{CAMPAIGNS}/*/*/campaign.json"), reverse=True)
        latest = sorted(found, key=lambda path: path.parent.name, reverse=True)[:CAMPAIGNS_MAX]
        shown = [(f"{p.parent.parent.name}/{p.parent.name}", _summary(p.parent)) for p in latest]
        return self._page("campaigns.html", "campaigns", campaigns=shown)

    def stored(self, request: Request) -> Response:
        name = request.path_params["name"]
        path = file_of(self._root, name)
        if path is None:
            raise HTTPException(404, f"There is no such file in this store: {name}")
        if path.suffix == ".html":
            return FileResponse(
                path,
                media_type="text/html; charset=utf-8",
                headers={"content-security-policy": STORED_POLICY},
            )
        return FileResponse(path, media_type="text/plain; charset=utf-8")

    def static(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in _STATIC:
            raise HTTPException(404, f"There is no such file: {name}")
        return Response(static(name), media_type=f"{_STATIC[name]}; charset=utf-8")

    def _page(self, template: str, here: str, **values: object) -> HTMLResponse:
        text = rendered(template, here=here, store=str(self._root), **values)
        return HTMLResponse(text.encode("utf-8", "xmlcharrefreplace"))

    def _found(self, request: Request) -> RunDirectory:
        return self._named(f"{request.path_params['workload']}/{request.path_params['run']}")

    def _named(self, name: str) -> RunDirectory:
        """The run of that name, or that a link of that name points to."""
        links = {f"{LATEST}/": LATEST, f"{LATEST_FAILED}/": LATEST_FAILED}
        record = file_of(self._root, f"{links.get(name, name)}/run.json")
        if record is None:
            raise HTTPException(404, f"There is no such run in this store: {name}")
        return RunDirectory(record.parent)

    def _under_way(self, found: Iterable[RunSummary]) -> frozenset[str]:
        waiting = (run.name for run in found if run.verdict == "not judged")
        return frozenset(n for n in waiting if is_under_way(RunDirectory(self._root / n)))


def _filter(query: QueryParams) -> Filter:
    """What is asked for; an empty field asks for nothing."""
    return Filter(**{name: query[name] for name in _FILTERS if query.get(name)})


def _number(query: QueryParams, name: str) -> int:
    """A number from 1 on, which it is if none is given."""
    text = query.get(name, "1")
    if not text.isdecimal() or not 1 <= int(text[:12]) < 10**9:
        raise HTTPException(400, f"{name}: {text!r} is no number from 1 on.")
    return int(text)


def _link(which: Filter, number: int) -> str:
    given = {name: value for name in _FILTERS if (value := getattr(which, name)) is not None}
    return "/?" + urlencode({**given, "page": number})


def _summary(path: Path) -> Summary | None:
    try:
        return read_summary(path)
    except BadInput:
        return None


def _problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    page = rendered("problem.html", here="", store="", problem=error.detail)
    return HTMLResponse(page.encode("utf-8", "xmlcharrefreplace"), error.status_code)
