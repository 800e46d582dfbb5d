"""The revisions, oldest first; `tacit.store.schema.REVISIONS` lists them."""
