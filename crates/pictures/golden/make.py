"""Makes pictures that say how they were made, each in the way of its program: the calls that program makes of Pillow, with texts of its
documented shape. Run: python make.py (Pillow 13.0.0). The files beside this script are what it made; tests/golden.rs reads them."""

import gzip
import json
import pathlib
import struct

from PIL import Image, PngImagePlugin

OUT = pathlib.Path(__file__).parent
USER_COMMENT, EXIF, MAKE, MODEL = 0x9286, 0x8769, 0x010F, 0x0110

A1111 = """a (fox:1.2), <lora:ink:0.8> at night,
by the sea <lora:paper, thin:0.5:1>
Negative prompt: blurry, (low quality:1.4),
text
Steps: 28, Sampler: DPM++ 2M SDE, Schedule type: Karras, CFG scale: 6.5, Seed: 4294967297, Size: 512x768, Model hash: 6ce0161689, Model: dream_8, VAE hash: c6a580b13a, VAE: vae-ft.safetensors, Variation seed: 77, Variation seed strength: 0.25, Denoising strength: 0.45, Clip skip: 2, ENSD: 31337, RNG: CPU, Hires upscale: 2, Hires steps: 10, Hires upscaler: "4x, sharp", ADetailer prompt: "face, \\"smile\\": yes", Lora hashes: "ink: 0123456789ab, paper thin: fedcba987654", TI hashes: "easy: c74b4e810b03", Version: v1.10.1"""
OLD = """a fox
Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 8x8, Model hash: 81761151, Clip skip: 2, ENSD: 31337"""
FORGE = """ein Fuchs, 夜, smile
Steps: 20, Sampler: Euler, Schedule type: Simple, CFG scale: 1, Distilled CFG Scale: 3.5, Seed: 11, Size: 896x1152, Model hash: aaaaaaaaaa, Model: flux1-dev, Version: f2.0.1v1.10.1-previous-665-gae278f79, Module 1: ae
Template: ein __tier__"""


def picture(mode="RGB", size=(8, 8)):
    image = Image.new(mode, size)
    shades = [tuple((17 * x + 31 * y + 83 * c) % 256 if c < 3 else 255 for c in range(len(mode))) for y in range(size[1]) for x in range(size[0])]
    image.putdata(shades)
    return image


def png(name, texts, image=None, zipped=(), international=()):
    info = PngImagePlugin.PngInfo()
    for key, value in texts.items():
        if key in international:
            info.add_itxt(key, value, zip=key in zipped)
        else:
            info.add_text(key, value, zip=key in zipped)
    (image or picture()).save(OUT / name, pnginfo=info)


def exif(comment=None, first=None):
    block = Image.Exif()
    for tag, value in (first or {}).items():
        block[tag] = value
    if comment is not None:
        block.get_ifd(EXIF)[USER_COMMENT] = comment
    return block


def unicode(text, order="be"):
    return b"UNICODE\0" + text.encode("utf_16_" + order)


def a1111():
    png("a1111.png", {"parameters": A1111})
    png("a1111-old.png", {"parameters": OLD})
    png("forge.png", {"parameters": FORGE})
    png("a1111-itxt-zip.png", {"parameters": A1111}, zipped=("parameters",), international=("parameters",))
    png("a1111-ztxt.png", {"parameters": OLD}, zipped=("parameters",))
    picture().save(OUT / "a1111.jpg", exif=exif(unicode(A1111)), quality=90)
    picture().save(OUT / "a1111-le.jpg", exif=exif(unicode(FORGE, "le")), quality=90)
    picture().save(OUT / "a1111-ascii.jpg", exif=exif(b"ASCII\0\0\0" + OLD.encode()), quality=90)
    picture().save(OUT / "a1111.webp", exif=exif(unicode(A1111)), lossless=True)
    picture().save(OUT / "plain.jpg", quality=90)
    png("plain.png", {"Software": "paint"})


def node(kind, **inputs):
    return {"class_type": kind, "inputs": inputs}


def link(number, origin, slot, target, end, kind):
    """A link as subgraphs write it: by name, where the graph around writes a list."""
    return {"id": number, "origin_id": origin, "origin_slot": slot, "target_id": target, "target_slot": end, "type": kind}


def subgraphs():
    """The screen's graph with a subgraph in a subgraph, after the schema of ComfyUI's frontend: -10 gives its inputs, -20 takes its outputs.
    Prompt and seed were typed into the outer node; what stands inside is what was there before."""
    style = {
        "id": "b0b0", "name": "Style", "version": 1, "inputNode": {"id": -10}, "outputNode": {"id": -20},
        "inputs": [{"name": "model", "linkIds": [1]}], "outputs": [{"name": "MODEL", "linkIds": [2]}], "widgets": [],
        "nodes": [{"id": 1, "type": "LoraLoaderModelOnly", "mode": 0, "inputs": [{"name": "model", "link": 1}, {"name": "lora_name", "widget": {"name": "lora_name"}, "link": None}], "widgets_values": ["moss.safetensors", 0.6]}],
        "links": [link(1, -10, 0, 1, 0, "MODEL"), link(2, 1, 0, -20, 0, "MODEL")],
    }
    paint = {
        "id": "a0a0", "name": "Paint", "version": 1, "inputNode": {"id": -10}, "outputNode": {"id": -20},
        "inputs": [{"name": "model"}, {"name": "clip"}, {"name": "text"}, {"name": "seed"}], "outputs": [{"name": "LATENT", "linkIds": [9]}], "widgets": [],
        "nodes": [
            {"id": 3, "type": "KSampler", "mode": 0, "inputs": [{"name": "model", "link": 2}, {"name": "positive", "link": 4}, {"name": "negative", "link": 6}, {"name": "latent_image", "link": 7}, {"name": "seed", "widget": {"name": "seed"}, "link": 8}], "widgets_values": [1, "fixed", 12, 6.5, "dpmpp_2m", "karras", 1]},
            {"id": 4, "type": "b0b0", "mode": 0, "inputs": [{"name": "model", "link": 1}], "widgets_values": []},
            {"id": 5, "type": "EmptyLatentImage", "widgets_values": [512, 768, 1]},
            {"id": 6, "type": "CLIPTextEncode", "inputs": [{"name": "clip", "link": 3}, {"name": "text", "widget": {"name": "text"}, "link": 10}], "widgets_values": ["what was there before"]},
            {"id": 7, "type": "CLIPTextEncode", "inputs": [{"name": "clip", "link": 5}], "widgets_values": ["fog"]},
        ],
        "links": [link(1, -10, 0, 4, 0, "MODEL"), link(2, 4, 0, 3, 0, "MODEL"), link(3, -10, 1, 6, 0, "CLIP"), link(4, 6, 0, 3, 1, "CONDITIONING"), link(5, -10, 1, 7, 0, "CLIP"), link(6, 7, 0, 3, 2, "CONDITIONING"), link(7, 5, 0, 3, 3, "LATENT"), link(8, -10, 3, 3, 4, "INT"), link(9, 3, 0, -20, 0, "LATENT"), link(10, -10, 2, 6, 1, "STRING")],
    }
    return {
        "nodes": [
            {"id": 1, "type": "CheckpointLoaderSimple", "inputs": [], "widgets_values": ["v1-5.ckpt"]},
            {"id": 2, "type": "a0a0", "mode": 0, "inputs": [{"name": "model", "link": 1}, {"name": "clip", "link": 2}], "widgets_values": ["a lighthouse", 77]},
            {"id": 3, "type": "VAEDecode", "inputs": [{"name": "samples", "link": 3}]},
            {"id": 4, "type": "SaveImage", "inputs": [{"name": "images", "link": 4}], "widgets_values": ["ComfyUI"]},
        ],
        "links": [[1, 1, 0, 2, 0, "MODEL"], [2, 1, 1, 2, 1, "CLIP"], [3, 2, 0, 3, 0, "LATENT"], [4, 3, 0, 4, 0, "IMAGE"]],
        "definitions": {"subgraphs": [paint, style]},
        "version": 0.4,
    }


def comfy():
    plain = {
        "3": node("KSampler", seed=["20", 0], steps=25, cfg=7.5, sampler_name="dpmpp_2m", scheduler="karras", denoise=1.0, model=["11", 0], positive=["6", 0], negative=["7", 0], latent_image=["5", 0]),
        "4": node("CheckpointLoaderSimple", ckpt_name="sd/dream_8.safetensors"),
        "5": node("EmptyLatentImage", width=512, height=768, batch_size=1),
        "6": node("CLIPTextEncode", text="a fox, (night:1.2)", clip=["12", 0]),
        "7": node("CLIPTextEncode", text="blurry", clip=["12", 0]),
        "8": node("VAEDecode", samples=["30", 0], vae=["4", 2]),
        "9": node("SaveImage", filename_prefix="ComfyUI", images=["8", 0]),
        "10": node("LoraLoader", lora_name="ink.safetensors", strength_model=0.8, strength_clip=0.5, model=["4", 0], clip=["4", 1]),
        "11": node("LoraLoaderModelOnly", lora_name="style\\paper.safetensors", strength_model=-0.25, model=["10", 0]),
        "12": node("CLIPSetLastLayer", stop_at_clip_layer=-2, clip=["10", 1]),
        "20": node("PrimitiveInt", value=987654321987654),
        "29": node("LatentUpscale", samples=["3", 0], width=1024, height=1536),
        "30": node("KSampler", seed=1, steps=10, cfg=4.0, sampler_name="euler", scheduler="simple", denoise=0.4, model=["11", 0], positive=["6", 0], negative=["7", 0], latent_image=["29", 0]),
        "40": node("KSampler", seed=2, steps=99, cfg=4.0, sampler_name="euler", scheduler="simple", denoise=1.0, model=["4", 0], positive=["6", 0], negative=["7", 0], latent_image=["5", 0], is_changed=[float("nan")]),
    }
    png("comfyui.png", {"prompt": json.dumps(plain), "workflow": json.dumps({"nodes": [], "links": []})})
    picture().save(OUT / "comfyui.webp", exif=exif(first={MODEL: "prompt:" + json.dumps(plain), MAKE: "workflow:" + json.dumps({})}), lossless=True)
    flux = {
        "6": node("CLIPTextEncode", text=["50", 0], clip=["11", 0]),
        "8": node("VAEDecode", samples=["13", 0], vae=["10", 0]),
        "9": node("SaveImage", filename_prefix="x", images=["8", 0]),
        "12": node("UNETLoader", unet_name="flux1-dev.safetensors", weight_dtype="default"),
        "13": node("SamplerCustomAdvanced", noise=["25", 0], guider=["22", 0], sampler=["16", 0], sigmas=["17", 0], latent_image=["27", 0]),
        "16": node("KSamplerSelect", sampler_name="euler"),
        "17": node("BasicScheduler", scheduler="simple", steps=["60", 0], denoise=1.0, model=["30", 0]),
        "22": node("BasicGuider", model=["30", 0], conditioning=["26", 0]),
        "25": node("RandomNoise", noise_seed=42),
        "26": node("FluxGuidance", guidance=3.5, conditioning=["6", 0]),
        "27": node("EmptySD3LatentImage", width=1024, height=1024, batch_size=1),
        "30": node("ModelSamplingFlux", max_shift=1.15, base_shift=0.5, width=1024, height=1024, model=["30a", 0]),
        "30a": node("ComfySwitchNode", switch=True, on_true=["31", 0], on_false=["12", 0]),
        "31": node("Power Lora Loader (rgthree)", **{"PowerLoraLoaderHeaderWidget": {"type": "x"}, "lora_1": {"on": True, "lora": "ink.safetensors", "strength": 0.9}, "lora_2": {"on": False, "lora": "off.safetensors", "strength": 1}, "model": ["12", 0]}),
        "60": node("ComfySwitchNode", switch=["61", 0], on_true=4, on_false=["62", 0]),
        "61": node("PrimitiveBoolean", value=False),
        "62": node("PrimitiveInt", value=20),
        "50": node("StringConcatenate", string_a="a fox", string_b=["51", 0], delimiter=", "),
        "51": node("PrimitiveStringMultiline", value="at night"),
    }
    png("comfyui-flux.png", {"prompt": json.dumps(flux)})
    image_to_image = {
        "1": node("CheckpointLoaderSimple", ckpt_name="x.safetensors"),
        "2": node("LoadImage", image="a.png"),
        "3": node("VAEEncode", pixels=["2", 0], vae=["1", 2]),
        "4": node("CLIPTextEncodeSDXL", text_g="a fox", text_l="a fox", width=1024, height=1024, clip=["1", 1]),
        "5": node("ConditioningZeroOut", conditioning=["4", 0]),
        "6": node("KSamplerAdvanced", add_noise="enable", noise_seed=9, steps=20, cfg=5, sampler_name="dpmpp_3m_sde_gpu", scheduler="exponential", start_at_step=5, end_at_step=10000, return_with_leftover_noise="disable", model=["1", 0], positive=["4", 0], negative=["5", 0], latent_image=["3", 0]),
        "7": node("VAEDecode", samples=["6", 0], vae=["1", 2]),
        "8": node("PreviewImage", images=["7", 0]),
    }
    png("comfyui-img2img.png", {"prompt": json.dumps(image_to_image)})
    screen = {
        "nodes": [
            {"id": 3, "type": "KSampler", "mode": 0, "inputs": [{"name": "model", "type": "MODEL", "link": 1}, {"name": "positive", "link": 4}, {"name": "negative", "link": 6}, {"name": "latent_image", "link": 2}], "widgets_values": [156680208700286, "randomize", 20, 8, "euler_ancestral", "normal", 1]},
            {"id": 4, "type": "CheckpointLoaderSimple", "inputs": [], "widgets_values": ["v1-5.ckpt"]},
            {"id": 5, "type": "EmptyLatentImage", "widgets_values": [640, 512, 1]},
            {"id": 6, "type": "CLIPTextEncode", "inputs": [{"name": "clip", "link": 3}], "widgets_values": ["a castle"]},
            {"id": 7, "type": "CLIPTextEncode", "inputs": [{"name": "clip", "link": 5}], "widgets_values": ["text, watermark"]},
            {"id": 10, "type": "LoraLoader", "mode": 4, "inputs": [{"name": "model", "link": 8}], "widgets_values": ["bypassed.safetensors", 1, 1]},
            {"id": 11, "type": "LoraLoader", "mode": 0, "inputs": [{"name": "model", "link": 9}], "widgets_values": ["moss.safetensors", 0.6, 0.6]},
            {"id": 9, "type": "SaveImage", "inputs": [{"name": "images", "link": 7}], "widgets_values": ["ComfyUI"]},
            {"id": 8, "type": "VAEDecode", "inputs": [{"name": "samples", "link": 10}]},
        ],
        "links": [[1, 11, 0, 3, 0, "MODEL"], [2, 5, 0, 3, 3, "LATENT"], [3, 4, 1, 6, 0, "CLIP"], [4, 6, 0, 3, 1, "CONDITIONING"], [5, 4, 1, 7, 0, "CLIP"], [6, 7, 0, 3, 2, "CONDITIONING"], [7, 8, 0, 9, 0, "IMAGE"], [8, 4, 0, 10, 0, "MODEL"], [9, 10, 0, 11, 0, "MODEL"], [10, 3, 0, 8, 0, "LATENT"]],
        "version": 0.4,
    }
    png("comfyui-workflow.png", {"workflow": json.dumps(screen)})
    png("comfyui-subgraph.png", {"workflow": json.dumps(subgraphs())})
    png("comfyui-with-parameters.png", {"prompt": json.dumps(plain), "parameters": OLD})


def others():
    swarm = {
        "sui_image_params": {"prompt": "a fox", "negativeprompt": "blurry", "model": "sdxl/dream.safetensors", "seed": 123, "steps": 22, "cfgscale": 6.0, "aspectratio": "1:1", "width": 1024, "height": 1024, "sampler": "dpmpp_2m_sde", "scheduler": "karras", "loras": ["style/ink", "paper"], "loraweights": ["0.7", "1"], "initimagecreativity": 0.6, "automaticvae": True, "swarm_version": "0.9.7.0"},
        "sui_extra_data": {"date": "2026-01-01"},
        "sui_models": [{"name": "sdxl/dream.safetensors", "param": "model", "hash": "0x" + "ab" * 32}, {"name": "style/ink.safetensors", "param": "loras", "hash": "0x" + "cd" * 32}],
    }
    png("swarmui.png", {"parameters": json.dumps(swarm, indent=2)})
    picture().save(OUT / "swarmui.jpg", exif=exif(unicode(json.dumps(swarm))), quality=90)
    invoke = {"generation_mode": "sdxl_img2img", "positive_prompt": "a fox", "negative_prompt": "blurry", "width": 1024, "height": 768, "seed": 99, "rand_device": "cpu", "cfg_scale": 7.5, "cfg_rescale_multiplier": 0.7, "steps": 30, "scheduler": "dpmpp_2m_k", "clip_skip": 1, "model": {"key": "k", "hash": "blake3:00ff", "name": "dream", "base": "sdxl", "type": "main"}, "strength": 0.65, "loras": [{"model": {"key": "l", "hash": "blake3:11", "name": "ink", "base": "sdxl", "type": "lora"}, "weight": 0.75}], "positive_style_prompt": "", "app_version": "5.4.2"}
    png("invokeai.png", {"invokeai_metadata": json.dumps(invoke), "invokeai_graph": json.dumps({"nodes": {}})})
    png("invokeai-2.png", {"Dream": "x", "sd-metadata": json.dumps({"model": "stable diffusion", "model_weights": "stable-diffusion-1.5", "model_hash": "cc6cb27103417325ff94f52b7a5d2dde45a7515b25c255d8e396c90014281516", "app_id": "invoke-ai/InvokeAI", "app_version": "2.3.5", "image": {"prompt": [{"prompt": "a fox [blurry]", "weight": 1}], "steps": 50, "cfg_scale": 7.5, "height": 512, "width": 640, "seed": 42, "type": "txt2img", "sampler": "k_euler_a"}})})
    png("invokeai-dream.png", {"Dream": '"a fox [blurry, dark]" -s 50 -S 42 -W 512 -H 704 -C 7.5 -A k_lms'})
    comment = {"prompt": "1girl, {{fox}}", "steps": 28, "height": 1216, "width": 832, "scale": 5.0, "uncond_scale": 1.0, "cfg_rescale": 0.2, "seed": 3312345, "n_samples": 1, "noise_schedule": "karras", "sampler": "k_euler_ancestral", "sm": False, "request_type": "PromptGenerateRequest", "uc": "lowres"}
    novel = {"Title": "AI generated image", "Description": "1girl, {{fox}}", "Software": "NovelAI", "Source": "Stable Diffusion XL 7BCCAA2C", "Comment": json.dumps(comment)}
    png("novelai.png", novel)
    four = dict(comment, v4_prompt={"caption": {"base_caption": "two foxes", "char_captions": [{"char_caption": "red fox", "centers": [{"x": 0.5, "y": 0.5}]}]}}, v4_negative_prompt={"caption": {"base_caption": "lowres, dark", "char_captions": []}})
    stealth("novelai-stealth.png", json.dumps(dict(novel, Source="NovelAI Diffusion V4 4BDE2A90", Comment=json.dumps(four))), "stealth_pngcomp")
    stealth("a1111-stealth.png", OLD, "stealth_pnginfo")
    stealth("a1111-stealth-rgb.png", OLD, "stealth_rgbcomp", "RGB")
    fooocus = {"adm_guidance": "(1.5, 0.8, 0.3)", "base_model": "juggernaut", "base_model_hash": "aeb7e9e689", "clip_skip": 2, "guidance_scale": 4, "loras": [["offset", 0.1, "4852686128"], ["None", 1.0, ""]], "metadata_scheme": "fooocus", "negative_prompt": "blurry", "performance": "Speed", "prompt": "a fox", "resolution": "(1152, 896)", "sampler": "dpmpp_2m_sde_gpu", "scheduler": "karras", "seed": "8123456789012345678", "sharpness": 2, "steps": 30, "styles": "['Fooocus V2']", "vae": "Default (model)", "version": "Fooocus v2.5.5"}
    png("fooocus.png", {"parameters": json.dumps(fooocus), "fooocus_scheme": "fooocus"})


def stealth(name, text, word, mode="RGBA"):
    """The lowest bits, column by column: the word, the length in bits, the text."""
    data = gzip.compress(text.encode(), mtime=0) if word.endswith("comp") else text.encode()
    data = word.encode() + struct.pack(">I", 8 * len(data)) + data
    bits = [byte >> (7 - at) & 1 for byte in data for at in range(8)]
    per = 1 if mode == "RGBA" else 3
    side = 8
    while side * side * per < len(bits):
        side += 8
    image = picture(mode, (side, side))
    pixels = image.load()
    for at in range(0, len(bits), per):
        x, y = divmod(at // per, side)
        pixel = list(pixels[x, y])
        for n, bit in enumerate(bits[at : at + per]):
            channel = 3 if mode == "RGBA" else n
            pixel[channel] = pixel[channel] & 254 | bit
        pixels[x, y] = tuple(pixel)
    image.save(OUT / name)


if __name__ == "__main__":
    a1111()
    comfy()
    others()
