"""Queues, items, leases, fields, annotations: the only room that knows SQL."""
