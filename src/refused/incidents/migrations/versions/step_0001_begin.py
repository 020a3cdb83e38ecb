"""Incidents, and what belongs to them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "incidents",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("opened_at", sa.Float, nullable=False),
        sa.Column("began_at", sa.Float),
        sa.Column("detected_at", sa.Float),
        sa.Column("diagnosed_at", sa.Float),
        sa.Column("resolved_at", sa.Float),
        sa.Column("closed_at", sa.Float),
        sa.Column("severity", sa.Integer),
        sa.Column("cause", sa.String(80), nullable=False),
        sa.Column("bucket", sa.String(40), nullable=False),
        sa.Column("scope", sa.String(10)),
        sa.Column("impact", sa.Text, nullable=False),
    )
    op.create_table(
        "entries",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("incident", sa.String(40), sa.ForeignKey("incidents.id"), nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("noted_at", sa.Float, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
    )
    op.create_index("ix_entries_incident", "entries", ["incident"])


def downgrade() -> None:
    """Take the tables away."""
    op.drop_table("entries")
    op.drop_table("incidents")
