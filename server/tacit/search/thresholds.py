"""When a card answers a request, and when two cards say the same: thresholds of similarity and their measurements.

Similarity is e·d + lexical (lexical alone without vectors). Of nine measures tried (each score by itself, the greatest
window, their sums, the distance to the median candidate) none separated better: area under the curve .971 with the
shipped cards, against .961 for the cosine and .933 for the words alone.

`fits`, measured with the 19 shipped cards (with their example tasks), 70 requests in other words for which one of them
is right, and 81 for which none is (flights, recipes, images, code, gibberish, other scripts). It is low on purpose: an
answer that is hidden costs a needless capability, one too many is read over.

| embedder | threshold | hides a right card | shows one for a wrong request | at a higher one |
|---|---|---|---|---|
| minilm | .25 | 1.4% | 19% | .30: 4.3%, 11% |
| service | .25 | 1.4% | 22% | .30: 2.9%, 12% |
| lexical | .04 | 9% | 42% | .08: 20%, 11% |

Without example tasks, MiniLM at .25 hides 13%: cards should have some.

`duplicate`, measured with 33 cards that say what a shipped one does in other words, and 40 siblings that do something
near it (percentage change, salary in GBP, laptop for car, reversed words), with the 171 pairs of the shipped cards, and
with 96 pairs of one pattern ("Retrieves the car / the family details of an employee: …") or of opposites; cards whose
ids name opposite actions (`opposites`) are never called duplicates.

| embedder | threshold | catches | siblings and shipped pairs | pairs of one pattern | at another |
|---|---|---|---|---|---|
| minilm | 1.1 | 73% | 0 of 211 | 1% | 1.15: 58%; 1.0: 88%, 2 of 211 |
| service | 1.1 | 70% | 0 of 59 | | 1.15: 58% |
| lexical | 0.5 | 18% | 0 of 59 | | |

Cards of one server that share most of their text (`playwright_click`, `playwright_hover`) are over it as well: of 515
public tools without example tasks 31% had such a neighbour. `force` is for them. Comparing the words that only one of
two cards has, and matching token by token, were no better.

`service` was measured with MiniLM's plain mean as a stand-in for a service's whole-text vectors; models differ, and
the settings `similarity_threshold` and `duplicate_threshold` go before these numbers.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The least similarity of a card that answers a request, and of two cards that say the same."""

    fits: float
    duplicate: float


THRESHOLDS = {
    "minilm": Thresholds(fits=0.25, duplicate=1.1),
    "service": Thresholds(fits=0.25, duplicate=1.1),
    "lexical": Thresholds(fits=0.04, duplicate=0.5),
}
"""By the embedder's `kind`; `lexical` where there are no vectors."""
