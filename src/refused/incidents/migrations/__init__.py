"""How the store's tables came to be, step by step; Alembic walks from any step to the last."""
