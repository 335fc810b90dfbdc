"""Lengths that the transforms like."""

from functools import lru_cache


@lru_cache(maxsize=4096)
def fast_length(n: int) -> int:
    """The least length of at least n whose prime factors are 2, 3, 5, 7 and 11."""
    best = 1 << max(n - 1, 0).bit_length()
    products = [1]
    for factor in (3, 5, 7, 11):
        products = [p * factor**i for p in products for i in range(32) if p * factor**i < best]
    for product in products:
        best = min(best, product << max(-(-n // product) - 1, 0).bit_length())
    return best
