"""A load generator for OTLP over gRPC or HTTP: some requests, each time under new trace ids."""

from __future__ import annotations

import asyncio
import itertools
import random
import threading
import time
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

import grpc
import numpy as np
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
START = 1_790_000_000_000_000_000
_ERROR_EVERY = 100
"""So many spans hold one with an error, a finding of its own."""


@dataclass
class Load:
    """What a run of the generator saw."""

    spans: int
    elapsed_seconds: float = 0.0
    refused: int = 0
    seconds: list[float] = field(default_factory=list)
    """How long each acknowledged request took."""

    @property
    def answered(self) -> int:
        return len(self.seconds)

    @property
    def requests_per_second(self) -> float:
        return self.answered / self.elapsed_seconds

    @property
    def spans_per_second(self) -> float:
        return self.requests_per_second * self.spans


def spans_request(count: int, seed: int = 0) -> bytes:
    """Chat spans of about 1.85 KB each."""
    rand = random.Random(seed)
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    attribute = resource_spans.resource.attributes.add(key="service.name")
    attribute.value.string_value = "bench"
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = "opentelemetry.util.genai.handler"
    words = "where is my order please and thank you very much for it now".split()  # noqa: SIM905
    for position in range(count):
        span = scope_spans.spans.add(
            trace_id=rand.randbytes(16),
            span_id=rand.randbytes(8),
            name="chat gpt-4o",
            kind=3,
            start_time_unix_nano=START + position,
            end_time_unix_nano=START + position + 10**9,
        )
        if position % _ERROR_EVERY == 0:
            span.status.code = 2
        question = " ".join(rand.choices(words, k=200))
        answer = " ".join(rand.choices(words, k=60))
        for key, value in {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.response.model": "gpt-4o-2024-08-06",
            "gen_ai.response.id": f"chatcmpl-{rand.randbytes(8).hex()}",
            "gen_ai.conversation.id": f"conversation-{position % 20}",
            "server.address": "api.openai.com",
            "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"'
            + question
            + '"}]}]',
            "gen_ai.output.messages": '[{"role":"assistant","parts":[{"type":"text","content":"'
            + answer
            + '"}],"finish_reason":"stop"}]',
        }.items():
            attribute = span.attributes.add(key=key)
            attribute.value.string_value = value
        for key, number in {
            "gen_ai.usage.input_tokens": rand.randint(1, 5000),
            "gen_ai.usage.output_tokens": rand.randint(1, 500),
            "server.port": 443,
        }.items():
            attribute = span.attributes.add(key=key)
            attribute.value.int_value = number
    return request.SerializeToString()


_TEXTS = 32
"""Requests with texts of their own: about as many as the loader takes at once."""


class Requests:
    """Requests in turn, each time with other trace ids: a re-sent span would be dropped.

    Their texts differ, so that nothing is understood, or compressed, once for all of them.
    """

    def __init__(self, spans: int) -> None:
        self._requests = itertools.cycle(_requests(spans))

    def next(self) -> bytes:
        """The next request."""
        return next(self._requests).next()


@cache
def _requests(spans: int) -> list[_Request]:
    """Made once, and not while anything is measured: see the benchmark's beginning."""
    return [_Request(spans, seed) for seed in range(_TEXTS)]


class _Request:
    """One request's bytes."""

    def __init__(self, spans: int, seed: int) -> None:
        body = spans_request(spans, seed)
        trace_ids = [
            span.trace_id
            for resource_spans in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope_spans in resource_spans.scope_spans
            for span in scope_spans.spans
        ]
        places, start = [], 0
        for trace_id in trace_ids:
            start = body.index(trace_id, start) + 8
            places.append(start)
        self._body = np.frombuffer(body, dtype=np.uint8).copy()
        self._places = np.array(places)[:, None] + np.arange(8)
        self._tails = self._body[self._places].view(np.uint64)
        # Another run of the generator sends other traces.
        self._random = random.SystemRandom()

    def next(self) -> bytes:
        """It under new trace ids."""
        changed = self._tails ^ np.uint64(self._random.getrandbits(64))
        self._body[self._places] = changed.view(np.uint8)
        return self._body.tobytes()


def grpc_load(
    address: str,
    seconds: float,
    *,
    spans: int,
    connections: int,
    in_flight: int,
    requests_per_second_max: float = float("inf"),
) -> Load:
    """Keep this many requests in flight on each connection, no faster than the given pace."""
    load, requests = Load(spans), Requests(spans)
    asyncio.run(
        _grpc_load(
            load, address, seconds, requests, connections, in_flight, requests_per_second_max
        )
    )
    return load


async def _grpc_load(
    load: Load,
    address: str,
    seconds: float,
    requests: Requests,
    connections: int,
    in_flight: int,
    requests_per_second_max: float,
) -> None:
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", -1)]
    channels = [grpc.aio.insecure_channel(address, options=options) for _ in range(connections)]
    for channel in channels:
        await channel.channel_ready()
    started = time.perf_counter()
    deadline = started + seconds
    interval = connections * in_flight / requests_per_second_max

    async def send(channel: grpc.aio.Channel, offset: float) -> None:
        call = channel.unary_unary(EXPORT)
        due = started + offset
        while (now := time.perf_counter()) < deadline:
            if interval and due > now:
                await asyncio.sleep(due - now)
            due += interval
            body = requests.next()
            begun = time.perf_counter()
            try:
                await call(body)
            except grpc.RpcError:
                load.refused += 1
                await asyncio.sleep(0.1)
            else:
                load.seconds.append(time.perf_counter() - begun)

    count = connections * in_flight
    await asyncio.gather(
        *(
            send(channel, interval * position / count)
            for position, channel in enumerate(channels * in_flight)
        )
    )
    load.elapsed_seconds = time.perf_counter() - started
    for channel in channels:
        await channel.close()


def http_load(
    address: str,
    seconds: float,
    form: str,
    spans: int,
    connections: int = 8,
    headers: Mapping[str, str] | None = None,
) -> Load:
    """Keep one request in flight on each connection; JSON is the same request each time."""
    import http.client

    requests = Requests(spans)
    sent_headers = {"Content-Type": "application/x-protobuf", **(headers or {})}
    as_json = b""
    if form == "json":
        as_json, sent_headers["Content-Type"] = _as_json(requests.next()), "application/json"
    load = Load(spans)
    lock = threading.Lock()
    deadline = time.perf_counter() + seconds

    def send() -> None:
        host, port = address.rsplit(":", 1)
        connection = http.client.HTTPConnection(host, int(port))
        while time.perf_counter() < deadline:
            with lock:
                body = as_json or requests.next()
            begun = time.perf_counter()
            connection.request("POST", "/v1/traces", body, sent_headers)
            answer = connection.getresponse()
            answer.read()
            with lock:
                if answer.status == 200:
                    load.seconds.append(time.perf_counter() - begun)
                else:
                    load.refused += 1

    threads = [threading.Thread(target=send) for _ in range(connections)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    load.elapsed_seconds = time.perf_counter() - started
    return load


def _as_json(body: bytes) -> bytes:
    """The request as the Collector writes it in JSON: ids in hexadecimal."""
    import base64
    import json

    from google.protobuf.json_format import MessageToDict

    document = MessageToDict(ExportTraceServiceRequest.FromString(body))
    for resource_spans in document["resourceSpans"]:
        for scope_spans in resource_spans["scopeSpans"]:
            for span in scope_spans["spans"]:
                for key in ("traceId", "spanId"):
                    span[key] = base64.b64decode(span[key]).hex()
    return json.dumps(document).encode()
