"""A tokenizer in CLIP's format: lower case, byte-level pairs, `</w>` ends a word. The merges are our own."""

import json
import re
import unicodedata
from collections import Counter
from pathlib import Path

START, END = "<|startoftext|>", "<|endoftext|>"
# CLIP's way to cut a text: its two marks, English endings, runs of letters, single digits, runs of anything else.
_WORD = re.compile(r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[^\W\d_]+|\d|(?:[^\s\w]|_)+", re.IGNORECASE)


def _bytes() -> list[str]:
    """One printable character for every byte, in the order of CLIP's vocabulary."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in plain]
    table = {b: chr(b) for b in plain} | {b: chr(256 + i) for i, b in enumerate(rest)}
    return [table[b] for b in plain + rest], table


_ORDER, _OF_BYTE = _bytes()


def words(text: str) -> list[str]:
    """The pieces that are encoded one by one."""
    return _WORD.findall(" ".join(unicodedata.normalize("NFC", text).lower().split()))


class Tokenizer:
    """Text to ids. Vocabulary: bytes, bytes that end a word, merges, start, end."""

    def __init__(self, merges: list[tuple[str, str]], positions: int = 77):
        self.merges, self.positions = merges, positions
        vocabulary = _ORDER + [c + "</w>" for c in _ORDER] + [a + b for a, b in merges] + [START, END]
        self.ids = {token: i for i, token in enumerate(vocabulary)}
        self.rank = {pair: i for i, pair in enumerate(merges)}
        self.start, self.end = self.ids[START], self.ids[END]
        self._cache: dict[str, list[int]] = {}

    def __len__(self) -> int:
        return len(self.ids)

    def word(self, word: str) -> list[int]:
        """Ids of one piece, by the lowest-ranked pair first."""
        if word not in self._cache:
            parts = [_OF_BYTE[b] for b in word.encode()]
            parts[-1] += "</w>"
            while len(parts) > 1:
                at = min(range(len(parts) - 1), key=lambda i: self.rank.get((parts[i], parts[i + 1]), 1 << 30))
                if (parts[at], parts[at + 1]) not in self.rank:
                    break
                parts[at : at + 2] = [parts[at] + parts[at + 1]]
            self._cache[word] = [self.ids[p] for p in parts]
        return self._cache[word]

    def encode(self, text: str) -> list[int]:
        """Start, ids, end, and the end token again up to the number of positions."""
        ids = [i for w in words(text) for i in self.word(w)][: self.positions - 2]
        return [self.start, *ids] + [self.end] * (self.positions - 1 - len(ids))

    def write(self, folder: Path) -> None:
        """`vocab.json`, `merges.txt` and the two small files that other programs look for."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "vocab.json").write_text(json.dumps(self.ids, ensure_ascii=False) + "\n")
        (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in self.merges))
        special = {"bos_token": START, "eos_token": END, "unk_token": END, "pad_token": END}
        (folder / "special_tokens_map.json").write_text(json.dumps(special, indent=2) + "\n")
        config = special | {"tokenizer_class": "CLIPTokenizer", "model_max_length": self.positions, "do_lower_case": True, "errors": "replace"}
        (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")


def learn_merges(counts: Counter, limit: int) -> list[tuple[str, str]]:
    """Byte-pair encoding: merges the commonest pair until `limit` merges are there or every word is one token."""
    parts = {w: [_OF_BYTE[b] for b in w.encode()] for w in counts}
    for w in parts:
        parts[w][-1] += "</w>"
    merges: list[tuple[str, str]] = []
    while len(merges) < limit:
        pairs: Counter = Counter()
        for w, tokens in parts.items():
            for pair in zip(tokens, tokens[1:]):
                pairs[pair] += counts[w]
        if not pairs:
            break
        # Ties are broken by the text, so that the order of a dictionary never matters.
        best = max(pairs, key=lambda p: (pairs[p], p))
        merges.append(best)
        for tokens in parts.values():
            i = 0
            while i < len(tokens) - 1:
                if (tokens[i], tokens[i + 1]) == best:
                    tokens[i : i + 2] = [best[0] + best[1]]
                i += 1
    return merges
