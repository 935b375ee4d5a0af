"""The words the tokenizer knows as one token: those of the captions, of the adapters, and words people often write in prompts."""

import random
from collections import Counter

from .captions import caption
from .draw.styles import STYLES
from .draw.subjects import SUBJECT_WORDS
from .scene import sample
from .tokenizer import Tokenizer, learn_merges, words
from .work import Work

MERGES = 1000
USUAL = """best quality high detailed highly sharp focus photo photograph painting oil watercolor watercolour digital art concept artwork style
in the of by realistic cartoon anime flat vector minimal poster portrait woman man girl boy child person people cat dog horse bird fish lion wolf
bear rabbit dragon spaceship rocket car train plane ship church temple garden flower rose grass fields farm barn village town street path stone rock
cave waterfall river stream wave volcano lava fire smoke ice storm lightning star galaxy planet moonlit sunny dark light bright soft warm cold red
orange yellow green blue purple violet pink brown black white grey gray gold golden silver colorful colourful dramatic epic fantasy magical dreamy
peaceful calm serene quiet beautiful cute pretty old new big small little large tiny tall wide huge deep high low far near many few one two three four
winter spring summer autumn fall snow rain fog mist wind sky night day morning noon evening dawn dusk sunset sunrise midnight standing sitting flying
wearing hat eyes face smile and or not no without with on at to from under over above below behind between through across into background foreground
lowres blurry ugly bad worst text watermark signature pixel glass ink sketch drawing pencil comic print retro vintage abstract gothic isometric render
unreal cinematic lighting glow glowing shiny matte texture pattern wood metal paper water sand mountain mountains valley forest tree trees pine palm
lake hill hills desert dune city skyline building tower house cabin lighthouse boat sailboat balloon windmill tent camel cactus lora masterpiece""".split()


def adapter_words() -> list[str]:
    """Trigger words: known tokens that the base model never sees in training."""
    return [w for text in (*STYLES, *SUBJECT_WORDS.values(), "style") for w in words(text)]


def caption_words() -> Counter:
    """How often each word stands in 12,000 captions."""
    counts: Counter = Counter()
    for i in range(12_000):
        rng = random.Random(700_000_000 + i)
        counts.update(words(caption(sample(rng), rng)))
    return counts


def make(work: Work, _group=None) -> None:
    """Stage "tokenizer": `tokenizer.json` with merges and the tokens that captions never use."""
    if work.rank:
        return
    seen = caption_words()
    counts = Counter({w: 10 + int(n**0.5) for w, n in seen.items()})
    for w in USUAL:
        counts[w] += 12
    for w in adapter_words():
        counts[w] += 60
    tokenizer = Tokenizer(learn_merges(counts, MERGES))
    used = {i for w in [*seen, *adapter_words()] for i in tokenizer.word(w)}
    unused = [i for i in range(512, tokenizer.start) if i not in used]
    work.save_json("tokenizer.json", {"merges": [" ".join(m) for m in tokenizer.merges], "unused": unused})
    split = [w for w in counts if len(tokenizer.word(w)) > 1]
    work.log("tokenizer", f"{len(tokenizer)} tokens, {len(seen)} caption words, {len(unused)} unused tokens, {len(split)} words of several tokens")


def load(work: Work) -> tuple[Tokenizer, list[int]]:
    """The tokenizer, and the tokens that stand for unknown words in training."""
    saved = work.load_json("tokenizer.json")
    return Tokenizer([tuple(m.split(" ")) for m in saved["merges"]]), saved["unused"]
