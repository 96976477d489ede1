"""Every task there is: to know this module is to know them."""

from gongji.verify import decisions, file, log, rows, sums, tree

__all__ = ["decisions", "file", "log", "rows", "sums", "tree"]
