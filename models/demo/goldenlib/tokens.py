"""A small CLIP vocabulary and a small T5 vocabulary, with the ids that transformers gives for some texts."""

import math
from collections import Counter
from pathlib import Path

from tokenizers import Tokenizer as Fast
from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers, processors
from transformers import CLIPTokenizer, PreTrainedTokenizerFast

from ..tokenizer import Tokenizer, learn_merges, words
from .common import Folder

CORPUS = ("a red house on a green hill, a blue boat on the sea, a cat and a dog under the night sky with a full moon; "
          "snow over the mountains at sunrise, a photograph of an old tree in the forest with lights and shadows")
TEXTS = ["", "a cat", "a red house on a green hill", "A Photograph of the SEA, at sunrise!!", "über-naïve café 42 zebras' don't stop",
         "  two   spaces\nand a line  ", "underscore_word and 3.14 + 1e-5", "日本語 and emoji 🙂", "we've they're i'm he'll she'd it's",
         "a very long text " * 30]


def clip() -> Tokenizer:
    """Byte-level pairs with 60 merges: 574 tokens."""
    return Tokenizer(learn_merges(Counter(words(CORPUS)), 60))


def _pieces() -> list[tuple[str, float]]:
    """Every character, every word and every ending of two or three letters, with the logarithm of how often it occurs."""
    counts: Counter = Counter()
    for word in " ".join([CORPUS, *TEXTS[:8]]).replace("\n", " ").split():
        marked = "▁" + word
        counts.update(marked)
        counts[marked] += len(marked)
        counts.update(word[-n:] for n in (2, 3) if len(word) > n)
    total = sum(counts.values())
    kept = sorted(counts, key=lambda p: (-counts[p], p))[:200]
    kept += sorted(set("".join(counts)) - set(kept))
    return [(piece, math.log(counts[piece] / total)) for piece in kept]


def t5() -> PreTrainedTokenizerFast:
    """A unigram model in T5's manner: `▁` for spaces, </s> at the end."""
    fast = Fast(models.Unigram([("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *_pieces()], unk_id=2))
    fast.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()])
    fast.pre_tokenizer = pre_tokenizers.Metaspace()
    fast.decoder = decoders.Metaspace()
    fast.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=fast, eos_token="</s>", unk_token="<unk>", pad_token="<pad>", model_max_length=64)


def clip_for_pipelines(folder: Path) -> CLIPTokenizer:
    """transformers' own tokenizer over our files."""
    return CLIPTokenizer(vocab=str(folder / "vocab.json"), merges=str(folder / "merges.txt"), model_max_length=77)


def make(path: Path) -> None:
    """`tokens/`: clip/, t5/ and the ids."""
    folder = Folder(path)
    ours = clip()
    ours.write(path / "clip")
    theirs = clip_for_pipelines(path / "clip")
    for text in TEXTS:
        ids = theirs(text, padding="max_length", max_length=77, truncation=True).input_ids
        if ids != ours.encode(text):
            print(f"  transformers and our tokenizer differ on {text!r}")
        folder.case("clip", text, ids=ids, untruncated=theirs(text).input_ids)
    fast = t5()
    fast.save_pretrained(path / "t5")
    for text in TEXTS:
        folder.case("t5", text, ids=fast(text, padding="max_length", max_length=64, truncation=True).input_ids)
    folder.write_cases()
