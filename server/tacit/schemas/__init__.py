"""JSON Schemas: those of capabilities, checked and bounded, and those of the tools, as they are published."""
