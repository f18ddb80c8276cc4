"""The access log: canonical entries, hash-chained, durable before release."""
