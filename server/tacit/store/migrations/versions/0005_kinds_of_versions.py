"""Versions by their parent, by their age, and those that are programs, without a look at all others."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the indexes."""
    op.create_index("versions_parent", "versions", ["parent"])
    op.create_index("versions_created", "versions", ["created", "capability"])
    program = sa.text('manifest LIKE \'%"language":"program"%\'')
    op.create_index("versions_programs", "versions", ["capability", "number", "author"], sqlite_where=program)


def downgrade() -> None:
    """Drop the indexes."""
    op.drop_index("versions_programs", "versions")
    op.drop_index("versions_created", "versions")
    op.drop_index("versions_parent", "versions")
