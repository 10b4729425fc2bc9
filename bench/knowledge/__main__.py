"""The embedded knowledge base: quality of its search on COVID-QA, its time, and the screening of documents.

    python -m bench.knowledge quality [--json] [--index FILE] [--data ../shared/data]
    python -m bench.knowledge speed [--json] [--chunks N] [--synthetic] [--requests N]
    python -m bench.knowledge grounding [--json]
    python -m bench.knowledge screening [--json] [--sample N] [--data ../shared/data]

`quality`: the 98 articles of COVID-QA (Möller et al. 2020; from the data folder, which is not part of the project) are
one knowledge base. A question is a hit at 5 if one of the first five passages is of its article and contains the start
of an annotated answer. Each kind of search runs on the same passages in one run, beside BM25 of the package bm25s. The
questions were asked about an article that the annotator had open, so some fit many articles ("What was the sample
size?"); that is the same for every search. Every third question is left out: the weights of the hybrid search were
chosen on those. Intervals are Wilson's, at 95 %.

`speed`: Retrieve by boto3 at the endpoint, with questions of COVID-QA: embedding, search and HTTP. Real chunks are
articles and the texts of installed packages, with random vectors; synthetic ones have the articles' words in their
frequencies, too. Run it on one core: `taskset -c 0 python -m bench.knowledge speed`. Client and server are one process,
so its processor time is the time of a request on an idle core; on a busy machine the time is longer.

`grounding`: contextual grounding on the demo's pages, see bench/knowledge/grounding.py.

`screening`: the demo's pages (corpora/hospital), and the same pages with an instruction of BIPIA (Yi et al. 2023; its
training part, 75 instructions of 15 kinds) planted between two paragraphs. The guards block what must not be ingested.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from bench.knowledge import DATA, quality, screening, speed
from bench.knowledge.grounding import measure


def main() -> None:
    """Run one of the measurements and print its result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measure", choices=("quality", "speed", "screening", "grounding"))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--index", type=Path, help="keep the index (quality: a file, speed: a folder) for the next run")
    parser.add_argument("--chunks", type=int, default=10_000)
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--synthetic", action="store_true")
    parser.add_argument("--sample", type=int, help="at most so many planted pages")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        kept = arguments.index or Path(folder, "index")
        if arguments.measure == "quality":
            result = quality(arguments.data, kept)
        elif arguments.measure == "grounding":
            result = measure(Path(folder))
        elif arguments.measure == "screening":
            result = screening(arguments.data, arguments.sample)
        else:
            result = speed(arguments.data, kept, arguments.chunks, arguments.requests, synthetic=arguments.synthetic)
    if arguments.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:22} {value}")


if __name__ == "__main__":
    main()
