// node send.mjs KIND URL COUNT: sends that many chat spans with the exporter of that kind.
import { OTLPTraceExporter as GrpcExporter } from "@opentelemetry/exporter-trace-otlp-grpc";
import { OTLPTraceExporter as JsonExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtobufExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { TracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace";

const [kind, url, count] = process.argv.slice(2);
const exporters = { grpc: GrpcExporter, "http-protobuf": ProtobufExporter, "http-json": JsonExporter };
const provider = new TracerProvider({
  spanProcessors: [new BatchSpanProcessor({ exportTimeoutMillis: 120000, exporter: new exporters[kind]({ url, compression: "gzip", timeoutMillis: 100000 }) })],
});
const tracer = provider.getTracer("tests");
for (let number = 0; number < Number(count); number += 1) {
  const span = tracer.startSpan(`chat ${number}`);
  span.setAttribute("gen_ai.operation.name", "chat");
  span.setAttribute("gen_ai.provider.name", "openai");
  span.setAttribute("gen_ai.request.model", "gpt-4o");
  span.setAttribute("gen_ai.usage.input_tokens", 12);
  span.end();
}
await provider.forceFlush();
await provider.shutdown();
