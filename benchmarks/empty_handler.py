"""The ceiling: a grpcio server whose trace handler does nothing. Prints its address."""

from __future__ import annotations

import asyncio

import grpc

SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"


async def main() -> None:
    async def export(_body: bytes, _context: object) -> bytes:
        return b""

    server = grpc.aio.server(options=[("grpc.max_receive_message_length", 64 * 2**20)])
    handler = grpc.unary_unary_rpc_method_handler(export)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(SERVICE, {"Export": handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"127.0.0.1:{port}", flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main())
