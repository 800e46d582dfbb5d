"""The three tools and the MCP server that has them: how calls are carried out, cancelled, answered and asked about."""
