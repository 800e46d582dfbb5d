"""Alembic's migrations of the store; `tacit.store.schema` runs them, and nothing else imports them."""
