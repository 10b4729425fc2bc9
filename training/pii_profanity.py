"""Derive embedded_aws/bedrock/detectors/data/profanity.txt from the Surge AI list (MIT).

Every entry of the list is kept, whatever its severity rating (annotators rated "shit" 1.2 and "nicker" 2.2, so no
threshold separates profanity from innocence), except those below: words with a common innocent sense that a guardrail
of a clinic, a bank or a shop must let pass. Run: `python -m training.pii_profanity DATA_FOLDER`.
"""

from __future__ import annotations

import csv
import shutil
import sys
from pathlib import Path

# medical and anatomical words
_MEDICAL = """
anal, anus, bondage, boner, boobs, breasts, crotch, douche, klitoris, nigra, nymphomaniac, peen, prick, pricks,
rectum, scut, sperm, sphincter, throater, transvestite, vag, vulva
"""
# names of people, places, companies, products, animals, food
_NAMES = """
abbie, bater, bates, bbc, bender, bj, buttermilk, bwc, caaak, caca, cack, cholo, coolie, coot, coot coot,
cooties, crow, crows, dick, dicks, diks, dix, dong, fick, focker, fook, fooker, fuc, fuk, fuku, fux, cumming,
greaser, groper,
heeb, higga, higger, hoar, hoe, hoes, hooters, jigger, jim crow, kkk, klan, ku kluxer, mfs, mong, negga, neggar,
negra, niccer, nicka, nickas, nicker, nickers, nigers, nigre, nikkas, nikker, nip, nobs, nuggets, peter, phuc,
phucc, phucs, puss, pussy cat, puta, redskin, sambo, schlong, shat, shylock, slag, slit, snatch, spik, spook,
spooks, swine, tart, tramp, wang, weenie, weiner
"""
# everyday words, mild or ambiguous ones
_EVERYDAY = """
69, aboe, axe wound, b to the inch, baby batter, bastinado, beat off, bell end, bishes, bizzach, blacky, blow a
load, booty, bugger, cawk, cawks, china-virus, chinavirus, chinese-virus, cotton picker, cum goon, darky,
diddle, dipshidiot, dipstick, dolt, doosh, double pen, dump a load, dyke, f'ed, fack, fagot, feck, finger,
flamer, flamers, forked, fuks, funbags, gayest, gayness, girly bits, go to hell, god damned, gowl, gyp, hoar,
homo, homos, hustler, j-offs, kitty puncher, kneegrows, knickers, knob, l3itch, lady-boy, loose woman, man meat,
man seed, meat curtains, meat-sword, molester, mongrel, muff, mushroom tip, negro, negroes, nonce, nut butter,
oven dodger, pancake face, pecker, pedo, pedobear, pedobears, pedos, pull the pud, punani, queers, ramrod, s&m,
sack, scummy, sheet, shet, shipdit, sissy, sixty-nine, slanty, soab, spanking, spig, spunk, suck, tadger,
tallywacker, tard, throat yogurt, tickle the pickle, trouser snake, twink, upskirts, window licker, zip in the
wire
"""


def exclusions() -> frozenset[str]:
    """The excluded entries, in lower case."""
    return frozenset(" ".join(entry.split()) for entry in f"{_MEDICAL},{_NAMES},{_EVERYDAY}".split(","))


def main(data: Path) -> int:
    """Write the list and its licence; returns how many entries were kept."""
    source = data / "surge_profanity"
    target = Path(__file__).parents[1] / "embedded_aws" / "bedrock" / "detectors" / "data"
    with (source / "profanity_en.csv").open(encoding="utf-8", newline="") as file:
        words = {row["text"].strip().lower() for row in csv.DictReader(file)}
    kept = sorted(words - exclusions())
    head = "# Derived from The Obscenity List by Surge AI (MIT, profanity.LICENSE) by training/pii_profanity.py\n"
    (target / "profanity.txt").write_text(head + "\n".join(kept) + "\n", encoding="utf-8")
    shutil.copyfile(source / "LICENSE", target / "profanity.LICENSE")
    return len(kept)


if __name__ == "__main__":
    print(main(Path(sys.argv[1])))
