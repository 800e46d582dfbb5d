"""Two clients of one real server over HTTP: what one of them has under way does not hold up the other."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
import uvicorn
import wasmtime
from mcp import Client

import tacit
from tacit.app import App
from tacit.config import Limits, Settings
from tacit.models import Expectation, Manifest, MutateAnswer, RunAnswer, TestCase
from tacit.sandbox import effects_of
from tacit.tools.seats import Seats
from tacit.tools.server import ANSWERED_AT_ONCE, AWAITED_BUILDS, build_server
from tacit.web.serving import build_app

pytestmark = pytest.mark.anyio

LOOP = '(module (memory (export "memory") 1) (func (export "_start") (loop (br 0))))'
EMPLOYEE = {"employee_id": "E001"}
ERAS = ["auto", "legacy"]


class Noted:
    """A real service that notes who began a run, and of which builds wait until they are let go."""

    def __init__(self, app: App) -> None:
        self._service = app.service
        self.began: list[str] = []
        self.waiting: list[float] = []
        self.let_go = threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._service, name)

    def run(self, capability: str, data: Any, **options: Any) -> RunAnswer:
        if capability == "loop_for_ever":
            self.began.append(options["session"])
        return self._service.run(capability, data, **options)

    def make(self, request: Any, *, wait_seconds: float, **options: Any) -> MutateAnswer:
        if request.job is None:
            return self._service.make(request, wait_seconds=wait_seconds, **options)
        self.waiting.append(wait_seconds)
        if wait_seconds:
            self.let_go.wait()
        return MutateAnswer(status="building", job=request.job)


class NotedApp:
    def __init__(self, app: App) -> None:
        self._app = app
        self.service = Noted(app)
        self.server = build_server(lambda: self)  # type: ignore[arg-type, return-value]

    def waiting_calls(self) -> int:
        """Return how many runs wait for a seat."""
        return len(self.server.runs._places._ordinary.all())  # pyright: ignore[reportPrivateUsage]

    def close(self) -> None:
        self.service.let_go.set()
        self._app.close()


@pytest.fixture
def app(tmp_path: Path) -> NotedApp:
    limits = Limits(energy=1 << 60, wall_seconds=300)
    opened = tacit.open(Settings.load(data=tmp_path / "data", embedder="none", limits=limits))
    wasm = bytes(wasmtime.wat2wasm(LOOP))
    opened.catalog.register(
        Manifest(id="loop_for_ever", summary="Computes until it is stopped."),
        {"main.wat": LOOP},
        wasm,
        (TestCase(name="none", expect=Expectation(output=1)),),
        effects=effects_of(wasm),
        author="test",
        toolchain="wat",
    )
    return NotedApp(opened)


@pytest.fixture
def address(app: NotedApp) -> Iterator[str]:
    """The address of a server in this process, on a thread of its own."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(build_app(app.server, Settings.load()), log_config=None, timeout_graceful_shutdown=1)
        serving = uvicorn.Server(config)
        thread = threading.Thread(target=serving.run, args=([listener],))
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
        app.close()
        serving.should_exit = True
        thread.join()


async def until(condition: Callable[[], bool]) -> None:
    """Return once something is so."""
    with anyio.fail_after(120):
        while not condition():  # noqa: ASYNC110  # other threads make it so
            await anyio.sleep(0.01)


async def answer(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """Return what a call that succeeds is answered."""
    with anyio.fail_after(120):
        result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    assert result.structured_content is not None
    return result.structured_content


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("count", [8, 40])
async def test_short_calls_are_answered_beside_long_runs(address: str, app: NotedApp, era: str, count: int) -> None:
    """Pure runs, runs with files, searches, briefs, the list of tools: while all long runs are under way or wait."""
    done: list[object] = []

    async def run_long(client: Client) -> None:
        done.append(await client.call_tool("run_capability", {"id": "loop_for_ever"}))

    async with Client(address, mode=era) as busy, Client(address, mode=era) as other:
        await answer(other, "run_capability", id="reverse_string", input={"text": "abc"})
        await answer(other, "run_capability", id="get_car_details", input=EMPLOYEE)
        async with anyio.create_task_group() as calls:
            for _ in range(count):
                calls.start_soon(run_long, busy)
            await until(lambda: len(app.service.began) == 8)
            for client in (other, busy):
                pure = await answer(client, "run_capability", id="reverse_string", input={"text": "abc"}, fresh=True)
                await answer(client, "run_capability", id="get_car_details", input=EMPLOYEE)
                await answer(client, "search_capabilities", query="reverse a text")
                brief = await answer(client, "mutate_capability", task="tell the weather on Mars")
                assert (pure["output"], brief["status"]) == ({"reversed": "cba"}, "needs_source")
                assert len((await client.list_tools()).tools) == 3
            assert (len(app.service.began), done) == (8, [])
            calls.cancel_scope.cancel()


async def test_a_second_clients_run_begins_before_the_ninth_of_the_first(address: str, app: NotedApp) -> None:
    """One client has eight runs under way and more that wait; the next to begin is the other's."""
    scopes = [anyio.CancelScope() for _ in range(21)]

    async def run_long(client: Client, scope: anyio.CancelScope) -> None:
        with scope:
            await client.call_tool("run_capability", {"id": "loop_for_ever"})

    async with (
        Client(address, mode="legacy") as first,
        Client(address, mode="legacy") as second,
        anyio.create_task_group() as calls,
    ):
        for scope in scopes[:8]:
            calls.start_soon(run_long, first, scope)
        await until(lambda: len(app.service.began) == 8)
        for scope in scopes[8:20]:
            calls.start_soon(run_long, first, scope)
        calls.start_soon(run_long, second, scopes[20])
        await until(lambda: app.waiting_calls() == 13)
        scopes[0].cancel()
        await until(lambda: len(app.service.began) == 9)
        began = list(app.service.began)
        calls.cancel_scope.cancel()
    assert len(set(began[:8])) == 1
    assert began[8] != began[0]


async def test_a_call_that_is_cancelled_while_it_waits_leaves_no_trace() -> None:
    """The seat goes to who waits still, also where one is cancelled in the moment in which it is given the seat."""
    seats, served = Seats(1, 0), list[str]()

    async def sit(name: str, scope: anyio.CancelScope) -> None:
        with scope:
            async with seats.held(name, lambda: False):
                served.append(name)

    scopes = {name: anyio.CancelScope() for name in "abc"}
    async with anyio.create_task_group() as calls:
        async with seats.held("first", lambda: False):
            for name, scope in scopes.items():
                calls.start_soon(sit, name, scope)
            await anyio.wait_all_tasks_blocked()
            scopes["a"].cancel()
            await anyio.wait_all_tasks_blocked()
        scopes["b"].cancel()
    assert served in (["c"], ["b", "c"])


async def test_questions_about_builds_are_answered_beside_any_number_that_wait(address: str, app: NotedApp) -> None:
    """Where as many calls wait as may, the next is answered at once; and a search goes on too."""
    async with Client(address) as busy, Client(address) as other, anyio.create_task_group() as calls:
        for _ in range(AWAITED_BUILDS):
            calls.start_soon(ask_for_job, busy)
        await until(lambda: len(app.service.waiting) == AWAITED_BUILDS)
        for _ in range(2 * ANSWERED_AT_ONCE):
            assert (await answer(other, "mutate_capability", job="j"))["status"] == "building"
        await answer(other, "search_capabilities", query="reverse a text")
        assert app.service.waiting[AWAITED_BUILDS:] == [0.0] * 2 * ANSWERED_AT_ONCE
        app.service.let_go.set()


async def ask_for_job(client: Client) -> None:
    await client.call_tool("mutate_capability", {"job": "j"})
