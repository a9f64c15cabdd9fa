"""What a process does with the memory that it frees."""

import subprocess
import sys

import pytest

PROGRAM = """
import resource
import torch
from contav_lib.utils.memory import reuse_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(3):
        torch.ones(2**24)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

print(faults())
reuse_freed_memory()
print(min(faults() for _ in range(8)))  # the first ones still grow the heap
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's malloc")
def test_freed_memory_is_taken_again_without_new_pages():
    told = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True).stdout
    before, after = map(int, told.split())
    assert before > 10_000 > 100 * after
