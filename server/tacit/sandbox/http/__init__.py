"""Fetching URLs for guests, from public addresses of hosts that are allowed."""
