"""Run the steps on the connection that the store hands over."""

from __future__ import annotations

from alembic import context

from refused.incidents.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table="refused_version",  # a team's database may hold other tables of Alembic's
    render_as_batch=True,  # SQLite changes a column by making the table anew
)
with context.begin_transaction():
    context.run_migrations()
