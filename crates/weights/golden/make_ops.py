"""Writes `data/ops/`: the header of a file whose metadata states the hashes that kohya's trainer states. Run after `make_golden.py`.

The rules, from kohya's sd-scripts: `sshs_model_hash` is the SHA-256 of everything after the header, `sshs_legacy_hash` the first 8 digits of the
SHA-256 of the 64 KiB from byte 0x100000 on, both of the file as the safetensors library saves it with the metadata that begins with `ss_` only.
The tensors' bytes are `body` below; the test makes them itself, so that only the header has to be stored.
"""

import hashlib
import struct
from pathlib import Path

import torch
from goldenlib import tensors
from safetensors.torch import save

DATA = Path(__file__).parent / "data" / "ops"
STEM = "lora_unet_up_blocks_1_attentions_0_transformer_blocks_0_ff_net_0_proj"


def body(length: int) -> bytes:
    return bytes((7 * i + i // 251) % 113 for i in range(length))


def header_end(file: bytes) -> int:
    return 8 + struct.unpack("<Q", file[:8])[0]


def filled(file: bytes) -> bytes:
    end = header_end(file)
    return file[:end] + body(len(file) - end)


def main() -> None:
    made = {
        f"{STEM}.lora_down.weight": torch.zeros(54, 1280, dtype=torch.float16),
        f"{STEM}.lora_up.weight": torch.zeros(10240, 54, dtype=torch.float16),
        f"{STEM}.alpha": torch.tensor(54.0),
    }
    training = {"ss_network_dim": "54", "ss_output_name": "träiner \"quoted\"\n"}
    plain = filled(save(made, training))
    stated = {
        "sshs_model_hash": hashlib.sha256(plain[header_end(plain) :]).hexdigest(),
        "sshs_legacy_hash": hashlib.sha256(plain[0x100000:0x110000]).hexdigest()[:8],
    }
    assert len(plain) > 0x110000
    final = tensors.sorted_metadata(save(made, training | stated | {"modelspec.title": "more than the trainer hashed"}))
    DATA.mkdir(exist_ok=True)
    (DATA / "trainer_header.bin").write_bytes(final[: header_end(final)])
    print(header_end(final), len(final), stated)


if __name__ == "__main__":
    main()
