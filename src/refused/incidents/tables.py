"""The tables of the store, as they are today; how they came to be stands in ``migrations/``."""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, MetaData, String, Table, Text

METADATA = MetaData(
    naming_convention={"pk": "pk_%(table_name)s", "fk": "fk_%(table_name)s_%(column_0_name)s"}
)

INCIDENTS = Table(
    "incidents",
    METADATA,
    Column("id", String(40), primary_key=True),
    Column("title", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("service", String(20), nullable=False, default="redis"),
    Column("opened_at", Float, nullable=False),
    Column("began_at", Float),
    Column("detected_at", Float),
    Column("diagnosed_at", Float),
    Column("resolved_at", Float),
    Column("closed_at", Float),
    Column("severity", Integer),
    Column("cause", String(80), nullable=False, default=""),
    Column("bucket", String(40), nullable=False, default=""),
    Column("scope", String(10)),
    Column("impact", Text, nullable=False, default=""),
)

ENTRIES = Table(
    "entries",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("incident", String(40), ForeignKey("incidents.id"), nullable=False),
    Column("at", Float, nullable=False),
    Column("noted_at", Float, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("title", Text, nullable=False),
    Column("data", Text, nullable=False, default=""),
)
Index("ix_entries_incident", ENTRIES.c.incident)
