"""The embedded AWS: emulated AWS services on this machine."""

import os

# The detectors multiply small matrices, for which OpenBLAS's threads cost more than they give: 200 documents, four at a
# time, on two cores: 51 a second with its threads, 108 without. It reads this when numpy is first imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
