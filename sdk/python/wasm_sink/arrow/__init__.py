"""Arrow's columnar format in plain Python: what `Batch.ipc` gives, and what `Batch.from_ipc` takes."""

from .read import read
from .types import DataType, Member, parse
from .write import write

__all__ = ["DataType", "Member", "parse", "read", "write"]
