"""Writes `tokenizers/` anew: a tiny CLIP vocabulary, a tiny T5 vocabulary, and what transformers, tokenizers and SentencePiece make of texts.

The vocabularies are trained here on sentences of our own, as the real ones are not ours to ship. Versions: requirements_schedules.txt.
"""

import io
import json
import os
from collections import Counter
from pathlib import Path

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error")
import sentencepiece  # noqa: E402
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers  # noqa: E402
from transformers import CLIPTokenizer  # noqa: E402

OUT = Path(__file__).parent / "tokenizers"

CORPUS = """a photo of a red fox in the snow, highly detailed, soft light
a watercolour painting of a small boat on a calm lake at sunset
portrait of an old fisherman with a grey beard, film grain, shallow depth of field
the cat sits on the window sill and looks at the rain outside
an isometric drawing of a tiny island with a lighthouse and two palm trees
a mountain village under the stars, long exposure, blue and orange
she's wearing a yellow coat, they're walking along the shore, it'll rain, don't go, I've seen it, I'm here, he'd stay
masterpiece, best quality, intricate, sharp focus, cinematic lighting, 8k, trending
blurry, low quality, jpeg artifacts, deformed hands, watermark, text
a bowl of fruit on a wooden table, oil painting in the manner of the old masters
café crème, naïve art, über den Wolken, señorita, smörgåsbord
a robot gardener watering sunflowers in front of a ruined greenhouse, volumetric fog
123 456 7890 1girl 2boys 35mm f1.8 1024x1024
""".splitlines()

TEXTS = [
    "", " ", "a", "a photo of a red fox", "A PHOTO of a Red FOX", "  two   spaces\tand\na line  ", "masterpiece, best quality, (detailed:1.2)",
    "she's they're it'll don't I've I'm he'd", "SHE'S THEY'RE", "rock'n'roll ''s 'tis !'s ' 's", "123 456 1girl 35mm", "f/1.8, 1024x1024", "wow!!! ...??? --- <>",
    "café naïve über", "cafe\u0301 nai\u0308ve u\u0308ber", "A\u030angstro\u0308m Å \u212b", "日本語のテキスト", "привет мир", "مرحبا", "हिन्दी में", "🦊 in the 雪 ❄️👩‍🚀",
    "ΑΣ ΣΑΣ ς", "İstanbul ıI", "ß ẞ", "Ⅳ ½ ² ① ٣", "ⓐ 🅰 ª º", "\u00a0nbsp\u3000ideographic\u2003em", "zero\u200bwidth\ufeffbom", "a\u0300\u0301\u0316b", "x" * 40, "aaaaabaaaaab" * 5,
    "under_score snake_case kebab-case", "http://example.org/a?b=c&d=e#f", "<|startoftext|> hello <|endoftext|>", "a<|endoftext|>b", "<|EndOfText|>", "e\u0301\u0301", "ﬁ ﬂ Ａ１", "가각\u1100\u1161", "\u0958 \u2126", "‘quotes’ “and” „these“ …", "it’s", "tab\there", "percent 50% #1 @home $5 ^_^ ~ ` \\ | {a|b}",
]  # fmt: skip


def train(count):
    """Byte pairs by how often they stand side by side, ties by their letters: the library's own trainer breaks ties in hash order."""
    split = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"), "removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    words = [word for line in CORPUS for word, _ in split.pre_tokenize_str(line.lower())]
    words = [[*word[:-1], word[-1] + "</w>"] for word in words]
    merges = []
    while len(merges) < count:
        pairs = Counter(pair for word in words for pair in zip(word, word[1:]))
        if not pairs:
            break
        left, right = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append((left, right))
        for word in words:
            i = 0
            while i + 1 < len(word):
                if (word[i], word[i + 1]) == (left, right):
                    word[i : i + 2] = [left + right]
                i += 1
    return merges


def clip():
    bytes_ = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = train(350)
    pieces = [*bytes_, *(b + "</w>" for b in bytes_), *(a + b for a, b in merges), "<|startoftext|>", "<|endoftext|>"]
    vocab = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    (OUT / "clip_vocab.json").write_text(json.dumps(vocab, ensure_ascii=False, separators=(",", ":")))
    (OUT / "clip_merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
    tokenizer = CLIPTokenizer(vocab=vocab, merges=merges)
    tokenizer.backend_tokenizer.save(str(OUT / "clip_tokenizer.json"), pretty=False)
    cases = []
    for text in TEXTS:
        coded = tokenizer.backend_tokenizer.encode(text, add_special_tokens=False)
        assert tokenizer(text)["input_ids"][1:-1] == coded.ids
        cases.append({"text": text, "ids": coded.ids, "spans": [list(span) for span in coded.offsets]})
    return cases


def t5():
    rules = {"ﬁ": "fi", "ﬂ": "fl", "①": "1", "½": "1/2", "Ａ": "A", "１": "1", "\u3000": " ", "\u2003": " ", "\u00a0": " ", "\t": " ", "\n": " ", "e\u0301": "é", "…": "...", "\u200b": ""}
    tsv = OUT / "rules.tsv"
    hexed = lambda text: " ".join(f"{ord(c):X}" for c in text)  # noqa: E731
    tsv.write_text("".join(f"{hexed(a)}\t{hexed(b)}\n" for a, b in rules.items()))
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS), model_writer=model, vocab_size=170, model_type="unigram", pad_id=0, eos_id=1, unk_id=2, bos_id=-1, character_coverage=1.0,
        normalization_rule_tsv=str(tsv), minloglevel=2, num_threads=1, user_defined_symbols=["<extra>"],
    )  # fmt: skip
    tsv.unlink()
    (OUT / "t5_spiece.model").write_bytes(model.getvalue())
    sp = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    pieces = [(sp.id_to_piece(i), sp.get_score(i)) for i in range(sp.get_piece_size())]
    fast = Tokenizer(models.Unigram(pieces, unk_id=2, byte_fallback=False))
    fast.normalizer = normalizers.Precompiled(charsmap(model.getvalue()))
    fast.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=True)])
    fast.add_special_tokens(["<pad>", "</s>", "<unk>"])
    fast.save(str(OUT / "t5_tokenizer.json"), pretty=False)
    return [
        {"text": text, "sentencepiece": sp.encode(text), "tokenizers": fast.encode(text, add_special_tokens=False).ids}
        for text in [*TEXTS, "fine ﬁne", "a</s>b", "a▁b ▁ c", "▁", "<extra>x"]
    ]


def charsmap(model):
    """Field 2 (precompiled_charsmap) of field 3 (normalizer_spec) of the model, found by walking the protocol buffer."""

    def fields(data):
        at = 0

        def varint():
            nonlocal at
            value = shift = 0
            while True:
                byte = data[at]
                at += 1
                value |= (byte & 0x7F) << shift
                shift += 7
                if byte < 0x80:
                    return value

        while at < len(data):
            key = varint()
            size = {0: 0, 1: 8, 5: 4}.get(key & 7)
            if key & 7 == 0:
                varint()
                continue
            size = varint() if size is None else size
            yield key >> 3, data[at : at + size]
            at += size

    normalizer = next(value for key, value in fields(model) if key == 3)
    return next(value for key, value in fields(normalizer) if key == 2)


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    cases = {"clip": clip(), "t5": t5()}
    rows = [f" {json.dumps(key)}: [\n" + ",\n".join("  " + json.dumps(case, separators=(",", ":")) for case in part) + "\n ]" for key, part in cases.items()]
    (OUT / "cases.json").write_text("{\n" + ",\n".join(rows) + "\n}\n")
