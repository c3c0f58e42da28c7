"""The data that every engine is loaded with: schema, files, generator, reader of real files."""

from sandbox.datasets.dataset import Dataset
from sandbox.datasets.schema import TABLES

__all__ = ["TABLES", "Dataset"]
