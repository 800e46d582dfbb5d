"""Serving over HTTP: streamable HTTP, SSE and a health check on one port, guarded. No pages yet."""
