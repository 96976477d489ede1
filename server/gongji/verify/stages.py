"""Every task there is: to know this module is to know them."""

from gongji.verify import file, log, rows, sums, tree

__all__ = ["file", "log", "rows", "sums", "tree"]
