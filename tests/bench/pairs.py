"""pairs.py COUNT: COUNT blocks too large for python3's own allocator come and go, from frames
of its own; prints the microseconds a pair of malloc and free took."""
import sys
import time


def work(count):
    begin = time.perf_counter()
    for _ in range(count):
        bytes(1000)
    print(f"{(time.perf_counter() - begin) / count * 1e6:.5f}")


next(map(work, [int(sys.argv[1])]))
