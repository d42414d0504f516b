"""How much memory a file of data may take: no decompression bomb is unpacked."""

MAX_FILE_SIZE = 4 << 30  # bytes of a file that is read into memory
# A file may announce MAX_TRUSTED_SIZE bytes, or MAX_COMPRESSION_RATIO times its own size: images
# compress to about a fifth, and a file with a far higher ratio is a decompression bomb.
MAX_TRUSTED_SIZE = 64 << 20  # bytes
MAX_COMPRESSION_RATIO = 200


def max_unpacked_size(compressed: int) -> int:
    """The bytes that so many compressed ones may unpack to.

    >>> max_unpacked_size(1 << 20) == 200 << 20
    True
    """
    return max(MAX_TRUSTED_SIZE, MAX_COMPRESSION_RATIO * compressed)


def is_plausible_size(compressed: int, announced: int) -> bool:
    """Whether `compressed` bytes may unpack to as many as a header announces.

    If not, no memory is allocated for them.
    """
    return announced <= max_unpacked_size(compressed)
