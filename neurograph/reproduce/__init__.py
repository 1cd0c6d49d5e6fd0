"""Accuracy tables over datasets and seeds, beside the published figures with their source."""

from neurograph.reproduce.published import Published, published
from neurograph.reproduce.run import Run, run
from neurograph.reproduce.store import Store
from neurograph.reproduce.tables import TABLES, Row, Table

__all__ = ["TABLES", "Published", "Row", "Run", "Store", "Table", "published", "run"]
