"""What is tried again, what is not, and when the client stops asking."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable
from time import monotonic

import pytest

from tests.ecm.conftest import Server
from tests.support.ports import closed_port
from vigil.ecm import Client, EcmError, Malformed, NotAsked, NotReadable, Unavailable
from vigil.ecm.dialect import NodesForm
from vigil.ecm.limits import CircuitBreaker
from vigil.ecm.retry import Retryable

NODE = "GET /v2/nodes/{id}"


@pytest.mark.parametrize(
    "what", ["html_200", "try_again", "500", "502", "503", "504", "cut", "short", "malformed"]
)
async def test_a_fault_that_passes_is_not_noticed(server: Server, what: str) -> None:
    async with server.client() as client:
        await client.get("/v2/nodes/1002")
        server.fault(NODE, what)
        server.mark()
        answer = await client.get("/v2/nodes/1001")
    assert answer["results"]["data"]["properties"]["id"] == 1001
    assert server.asked(NODE) == 2
    assert client.counts.retries == 1


async def test_reading_many_nodes_is_repeated_although_it_is_a_post(server: Server) -> None:
    async with server.client() as client:
        server.fault("POST /v2/nodes/list", "502")
        answer = await client.nodes([1001, 1002], ["properties{id}"], NodesForm.BODY_URL)
    assert len(answer["results"]) == 2
    assert server.asked("POST /v2/nodes/list") == 2


async def test_an_answer_that_is_too_slow_is_given_up_and_asked_for_again(server: Server) -> None:
    async with server.client(timeout=0.3) as client:
        await client.get("/v2/nodes/1002")
        server.fault(NODE, "slow", seconds=3)
        began = monotonic()
        await client.get("/v2/nodes/1001")
    assert 0.3 <= monotonic() - began < 2
    assert server.asked(NODE) == 3


@pytest.mark.parametrize(
    ("what", "error", "words"),
    [
        ("html_200", Malformed, "HTML instead of JSON"),
        ("malformed", Malformed, "no JSON object"),
        ("503", Unavailable, "next run tries again"),
        ("cut", Unavailable, "no answer"),
        ("try_again", Unavailable, "try again"),
    ],
)
async def test_a_fault_that_stays_is_a_typed_error_with_the_path(
    server: Server, quick: Callable[[], None], what: str, error: type[EcmError], words: str
) -> None:
    quick()
    async with server.client(retries=3) as client:
        await client.get("/v2/nodes/1002")
        server.fault(NODE, what, times=99)
        server.mark()
        with pytest.raises(error, match=words) as failed:
            await client.get("/v2/nodes/1001")
    assert failed.value.path == "/v2/nodes/1001"
    assert server.asked(NODE) == 4


async def test_a_missing_node_is_not_readable_and_is_not_asked_for_twice(server: Server) -> None:
    async with server.client() as client:
        with pytest.raises(NotReadable) as failed:
            await client.get("/v2/nodes/99")
    assert failed.value.status == 400
    assert failed.value.message in str(failed.value)
    assert server.asked(NODE) == 1


async def test_the_children_of_a_missing_node_are_not_readable_although_ecm_says_500(server: Server) -> None:
    async with server.client() as client:
        with pytest.raises(NotReadable) as failed:
            await client.get("/v2/nodes/99/nodes")
    assert failed.value.status == 500
    assert server.asked("GET /v2/nodes/{id}/nodes") == 2


async def test_a_call_ends_with_its_total_time_whatever_retries_are_left(server: Server) -> None:
    async with server.client(total_timeout=0.8, retries=50) as client:
        await client.get("/v2/nodes/1002")
        server.fault(NODE, "503", times=999)
        began = monotonic()
        with pytest.raises(Unavailable):
            await client.get("/v2/nodes/1001")
    assert monotonic() - began < 2


async def test_a_server_that_is_gone_is_unavailable_and_says_where(
    quick: Callable[[], None], server: Server
) -> None:
    quick()
    async with server.client(url=f"http://127.0.0.1:{closed_port()}/cs/cs") as client:
        with pytest.raises(Unavailable, match=r"/cs/cs/api/v1/auth: no answer"):
            await client.get("/v2/nodes/1001")


async def test_a_dead_server_opens_the_circuit_breaker_and_most_calls_are_not_sent(
    server: Server, quick: Callable[[], None]
) -> None:
    quick()
    circuit = CircuitBreaker(threshold=10, pause=0.02, longest=0.05, hopeless=2)
    async with server.client(circuit, retries=2) as client:
        await client.get("/v2/nodes/1002")
        server.fault(NODE, "503", times=9999)
        server.mark()
        calls = (client.get(f"/v2/nodes/{number}") for number in range(1001, 1201))
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(one, Unavailable) for one in results)
        assert server.asked(NODE) < 100
        assert client.given_up
        server.mark()
        with pytest.raises(NotAsked):
            await client.get("/v2/nodes/1001")
        assert server.asked(NODE) == 0


async def test_a_server_that_comes_back_before_it_is_given_up_is_asked_again(
    server: Server, quick: Callable[[], None]
) -> None:
    quick()
    circuit = CircuitBreaker(threshold=10, pause=0.02, longest=0.05, hopeless=99)
    async with server.client(circuit, retries=2) as client:
        await client.get("/v2/nodes/1002")
        server.fault(NODE, "503", times=12)
        calls = (client.get(f"/v2/nodes/{number}") for number in range(1001, 1041))
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert any(isinstance(one, dict) for one in results)
        assert not circuit.open


async def test_an_open_circuit_breaker_lets_one_call_through_at_a_time() -> None:
    circuit = CircuitBreaker(threshold=1, pause=0.02, hopeless=9)
    inside, together = 0, list[int]()  # how many were inside when each came in

    async def call() -> None:
        nonlocal inside
        async with circuit.admitted("/x", monotonic() + 5):
            inside += 1
            together.append(inside)
            mine = len(together)
            await asyncio.sleep(0.01)
            inside -= 1
            if mine <= 3:
                raise Retryable(Unavailable("/x", "503"))

    with pytest.raises(Retryable):
        await call()
    assert circuit.open
    results = await asyncio.gather(*(call() for _ in range(10)), return_exceptions=True)
    assert sum(isinstance(one, Retryable) for one in results) == 2
    assert together[:4] == [1, 1, 1, 1]  # two probes that fail, one that succeeds
    assert max(together[4:]) == 7  # and then all that had waited
    assert not circuit.open


async def test_a_probe_that_is_cancelled_leaves_the_circuit_breaker_to_the_next() -> None:
    circuit = CircuitBreaker(threshold=1, pause=0.01)
    with pytest.raises(Retryable):
        async with circuit.admitted("/x", monotonic() + 5):
            raise Retryable(Unavailable("/x", "503"))

    async def hang() -> None:
        async with circuit.admitted("/x", monotonic() + 5):
            await asyncio.Event().wait()

    probe = asyncio.create_task(hang())
    await asyncio.sleep(0.05)
    probe.cancel()
    async with circuit.admitted("/x", monotonic() + 1):
        pass
    assert not circuit.open


async def test_politeness_bounds_the_rate(server: Server) -> None:
    async with server.client(requests_per_second=100) as client:
        await client.get("/v2/nodes/1001")
        began = monotonic()
        await asyncio.gather(*(client.get("/v2/nodes/1001") for _ in range(50)))
    assert monotonic() - began >= 0.49


async def test_no_more_calls_are_open_than_the_settings_allow(server: Server) -> None:
    server.sandbox.faults(ecm={"latency_ms": 100})
    async with server.client(concurrency=4) as client:
        await client.get("/v2/nodes/1001")
        began = monotonic()
        await asyncio.gather(*(client.get("/v2/nodes/1001") for _ in range(20)))
    assert 0.5 <= monotonic() - began < 2


async def test_counting_tells_apart_what_two_tasks_ask_for(server: Server) -> None:
    async def ask(client: Client, times: int) -> int:
        with client.counting() as counts:
            await asyncio.gather(*(client.get("/v2/nodes/1001") for _ in range(times)))
            return counts.requests

    async with server.client() as client:
        await client.get("/v2/nodes/1001")
        assert await asyncio.gather(ask(client, 3), ask(client, 7)) == [3, 7]
    assert client.requests == 12


def test_errors_survive_the_way_to_another_process() -> None:
    error = pickle.loads(pickle.dumps(NotReadable("/v2/nodes/1", "gone", 400)))
    assert (type(error), error.path, error.message, error.status) == (NotReadable, "/v2/nodes/1", "gone", 400)
    assert str(error) == "/v2/nodes/1 (400): gone"
