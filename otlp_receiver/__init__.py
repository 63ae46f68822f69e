"""OTLP in, canonical rows out: servers, spool, decoding, dialects, loader."""
