"""Quick checks of what the stages rest on: `python -m unittest models.demo.tests` (half a minute on one core)."""

import random
import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch

from . import networks, scene, vocabulary
from .captions import caption
from .draw.paint import picture
from .draw.styles import STYLES
from .draw.subjects import SUBJECTS
from .files import write_safetensors
from .loop import Loop, Plan
from .parallel import Group
from .sampling import sample
from .text import TextModel, with_unknown_words
from .tokenizer import Tokenizer, words
from .vae import principal_patches, project
from .work import Work


def small_vocabulary() -> Tokenizer:
    """Merges of the real corpus, fewer of them."""
    from collections import Counter

    from .tokenizer import learn_merges

    return Tokenizer(learn_merges(Counter(vocabulary.USUAL), 300))


class Pictures(unittest.TestCase):
    def test_a_seed_is_a_picture(self):
        for style, subject in (("", ""), *((s, "") for s in STYLES), *(("", s) for s in SUBJECTS)):
            first, again, other = (np.asarray(picture(seed, style, subject)[0]) for seed in (7, 7, 8))
            self.assertEqual(first.shape, (128, 128, 3))
            self.assertTrue((first == again).all())
            self.assertFalse((first == other).all())

    def test_every_object_is_drawn_and_changes_the_picture(self):
        seen = set()
        for seed in range(600):
            seen.update(scene.sample(random.Random(seed)).objects)
        self.assertEqual(seen, set(scene.KINDS))

    def test_captions_tell_what_is_there(self):
        from .captions import OBJECTS

        told = 0
        for seed in range(400):
            s = scene.sample(random.Random(seed))
            text = caption(s, random.Random(seed))
            self.assertNotIn("  ", text)
            for kind in scene.KINDS:
                if kind not in s.objects and kind not in ("tree", "pine", "palm"):
                    self.assertFalse(any(phrase in text for phrase in OBJECTS[kind]), (kind, text))
            told += bool(s.objects) and any(phrase in text for phrase in OBJECTS[s.objects[0]])
        self.assertGreater(told, 400 * 0.7)


class Text(unittest.TestCase):
    def test_the_tokenizer_agrees_with_transformers(self):
        from transformers import CLIPTokenizer

        ours = small_vocabulary()
        with tempfile.TemporaryDirectory() as folder:
            ours.write(Path(folder))
            theirs = CLIPTokenizer(vocab=f"{folder}/vocab.json", merges=f"{folder}/merges.txt", model_max_length=77)
            for text in ("", "A Sailboat, at SUNSET!", "naïve café 42's don't", "a_b  c\n日本 🙂 ﬁ", "cafe\u0301", "word " * 100):
                self.assertEqual(ours.encode(text), theirs(text, padding="max_length", max_length=77, truncation=True).input_ids, text)

    def test_the_text_model_is_clips(self):
        from transformers import CLIPTextConfig, CLIPTextModel

        torch.manual_seed(0)
        ours = TextModel(600).eval()
        theirs = CLIPTextModel(CLIPTextConfig(vocab_size=600, hidden_size=64, intermediate_size=256, num_hidden_layers=3, num_attention_heads=4, hidden_act="quick_gelu",
                                              bos_token_id=598, eos_token_id=599, pad_token_id=599)).eval()
        theirs.load_state_dict(ours.state_dict())
        ids = torch.randint(0, 600, (2, 77), generator=torch.Generator().manual_seed(1))
        self.assertLess(float((ours(ids) - theirs(ids).last_hidden_state).abs().max()), 1e-5)

    def test_unknown_words_stay_within_77_positions(self):
        t = small_vocabulary()
        full = np.array(t.encode("word " * 100), np.int16)
        out = with_unknown_words(full, t, [520], np.random.default_rng(0), 3)
        self.assertEqual((len(out), out[0], out[-1]), (77, t.start, t.end))
        self.assertIn(520, out)

    def test_words(self):
        self.assertEqual(words("Don't  stop_me 42!"), ["don", "'t", "stop", "_", "me", "4", "2", "!"])


class Training(unittest.TestCase):
    def run_to(self, folder: str, stops: list[int]) -> torch.Tensor:
        for stop in stops:
            torch.manual_seed(0)
            model = torch.nn.Linear(4, 2)
            loop = Loop("line", Work(folder, rank=1), Group(), Plan(steps=8, rate=0.1, warmup=2), {"m": model})
            loop.run(lambda step: (model(torch.full((1, 4), float(step))) - 1).square().mean(), lambda _: None, until=stop)
        self.assertEqual(loop.step, stops[-1])
        return torch.cat([p.detach().reshape(-1) for p in [*model.parameters(), *loop.average]])

    def test_an_interrupted_run_goes_on_where_it_was(self):
        with tempfile.TemporaryDirectory() as a, tempfile.TemporaryDirectory() as b:
            self.assertTrue(torch.equal(self.run_to(a, [8]), self.run_to(b, [3, 5, 8])))

    def test_the_rate_rises_stays_and_falls(self):
        plan = Plan(steps=100, rate=1.0, warmup=10, decay=0.5, floor=0.1)
        self.assertAlmostEqual(plan.rate_at(0), 0.1)
        self.assertAlmostEqual(plan.rate_at(49), 1.0)
        self.assertLess(plan.rate_at(75), 0.6)
        self.assertAlmostEqual(plan.rate_at(100), 0.1)

    def test_principal_patches_are_white(self):
        class Fixed:
            data = np.stack([np.asarray(picture(i)[0]) for i in range(40)])

        patches = principal_patches(Fixed())
        x = torch.from_numpy(Fixed.data).permute(0, 3, 1, 2).float() / 127.5 - 1
        z = project(x, patches).permute(1, 0, 2, 3).reshape(4, -1)
        self.assertLess(float((torch.cov(z) - torch.eye(4)).abs().max()), 0.15)


class Files(unittest.TestCase):
    def test_safetensors_read_them(self):
        from safetensors.torch import load_file

        tensors = {"b": torch.randn(3, 4, 1, 1).half().to(memory_format=torch.channels_last), "a": torch.tensor(2.0), "c": torch.arange(3)}
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder, n) for n in ("x.safetensors", "y.safetensors")]
            write_safetensors(paths[0], tensors, {"z": "1", "a": "2"})
            write_safetensors(paths[1], dict(reversed(tensors.items())), {"a": "2", "z": "1"})
            self.assertEqual(paths[0].read_bytes(), paths[1].read_bytes())
            for name, value in load_file(paths[0]).items():
                self.assertTrue(torch.equal(value, tensors[name]), name)

    def test_the_original_names_read_back_in_diffusers(self):
        from . import names
        from .goldenlib import check

        unet, vae = networks.unet(), networks.vae()
        check.unet(names.unet_to_original(unet.state_dict()), unet)
        check.vae(names.vae_to_original(vae.state_dict()), vae)


class Sampling(unittest.TestCase):
    def test_our_sampler_is_diffusers_ddim(self):
        from diffusers import DDIMScheduler

        tokenizer = small_vocabulary()
        torch.manual_seed(0)
        text, unet = TextModel(len(tokenizer)).eval(), networks.unet().eval()
        ours = sample(unet, text, tokenizer, ["a boat"], seed=3, steps=4)
        scheduler = DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", prediction_type="v_prediction", timestep_spacing="trailing",
                                  clip_sample=False, set_alpha_to_one=True)
        scheduler.set_timesteps(4)
        x = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(3))
        with torch.no_grad():
            empty, full = (text(torch.tensor([tokenizer.encode(p)])) for p in ("", "a boat"))
            for t in scheduler.timesteps:
                a, b = unet(x, t, empty).sample, unet(x, t, full).sample
                x = scheduler.step(a + 4.0 * (b - a), t, x).prev_sample
        self.assertLess(float((x - ours).abs().max()), 1e-4)


if __name__ == "__main__":
    unittest.main()
