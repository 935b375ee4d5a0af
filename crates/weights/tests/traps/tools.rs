//! Files as tools write them: the beginnings of their names, what they store beside the factors, and kinds that are known by name only.

use crate::made::{One, apart, change, product};
use crate::support::{Build, Random, open};
use weft_weights::adapter::{Adapter, AdapterError, Component, Kind};
use weft_weights::dtype::Dtype;
use weft_weights::family::Family;
use weft_weights::header::Header;
use weft_weights::merge::{Member, OutDtype};
use weft_weights::ops::verify::{VerifyOptions, verify};
use weft_weights::ops::{Convention, ConvertOptions, convert_into};
use weft_weights::progress::Silent;
use weft_weights::source::MemorySource;

/// A key of each method, as its library stores it.
const FOREIGN: [(&str, &str); 33] = [
    ("VeRA", "base_model.model.x.to_q.vera_lambda_b"),
    ("VeRA", "base_model.vera_A"),
    ("PVeRA", "base_model.model.x.to_q.pvera_lambda_d"),
    ("RandLoRA", "base_model.model.x.to_q.randlora_lambda"),
    ("FourierFT", "base_model.model.x.to_q.fourierft_spectrum"),
    ("WaveFT", "base_model.model.x.to_q.waveft_spectrum"),
    ("TinyLoRA", "base_model.model.x.to_q.tinylora_P"),
    ("UniLoRA", "base_model.unilora_theta_d"),
    ("VB-LoRA", "base_model.model.x.to_q.vblora_logits_A"),
    ("C³A", "base_model.model.x.to_q.c3a_kernel"),
    ("HRA", "base_model.model.x.to_q.hra_u"),
    ("MiSS", "base_model.model.x.to_q.miss_block"),
    ("Bone", "base_model.model.x.to_q.bone_block"),
    ("GLoRA of PEFT", "base_model.model.x.to_q.glora_A.Xd"),
    ("GraLoRA", "base_model.model.x.to_q.gralora_A"),
    ("HiRA", "base_model.model.x.to_q.hira_A"),
    ("DeLoRA", "base_model.model.x.to_q.delora_lambda"),
    ("DEFT", "base_model.model.x.to_q.deft_P"),
    ("SHiRA", "base_model.model.x.to_q.shira_weight"),
    ("RoAd", "base_model.model.x.to_q.road_theta"),
    ("Poly", "base_model.model.x.to_q.poly_lora_A"),
    ("Lily", "base_model.model.x.to_q.lily_A.weight"),
    ("PEANuT", "base_model.model.x.to_q.peanut_A.weight"),
    ("PSOFT", "base_model.model.x.to_q.psoft_R.weight"),
    ("OSF", "base_model.model.x.to_q.osf_svd_params.U_low"),
    ("FRoD", "base_model.frod_V.attn_to_k"),
    ("SuperTuning", "base_model.model.x.to_q.supertuning_values"),
    ("BEFT", "base_model.model.x.to_q.beft_bias"),
    ("LayerNorm tuning (PEFT)", "base_model.model.x.norm.ln_tuning_layers.weight"),
    ("T-LoRA", "lycoris_transformer_blocks_0_attn_to_q.p_layer.weight"),
    ("LoRA of an embedding", "base_model.model.text_model.embeddings.token_embedding.lora_embedding_A"),
    ("trainable tokens (PEFT)", "base_model.model.emb.token_adapter.trainable_tokens_delta"),
    ("prompt tuning", "prompt_embeddings"),
];

#[test]
fn kinds_that_cannot_be_used_are_refused_by_their_names_and_named_when_they_are_left_out() {
    for (name, key) in FOREIGN {
        let alone = Build::default().tensor(key, Dtype::F32, &[2, 2], vec![1.0; 4]).bytes();
        let refused = Adapter::from_header(Header::read(&MemorySource(&alone)).unwrap(), None, None).unwrap_err();
        let stem = key.rsplit_once('.').map_or(key, |(stem, _)| stem);
        let with_alpha = Build::default()
            .tensor(key, Dtype::F32, &[2, 2], vec![1.0; 4])
            .tensor(&format!("{stem}.alpha"), Dtype::F32, &[], vec![1.0])
            .bytes();
        let also = Adapter::from_header(Header::read(&MemorySource(&with_alpha)).unwrap(), None, None).unwrap_err();
        assert!(matches!(also, AdapterError::Unsupported { .. }), "{key}: {also}");
        assert!(matches!(refused, AdapterError::Unsupported { method, .. } if method == name), "{key}: {refused}");
        assert!(refused.to_string().contains(name) && refused.to_string().contains(key));
        let build = Build::default().tensor(key, Dtype::F32, &[2, 2], vec![1.0; 4]);
        let mixed = open(&build.peft("transformer.x.to_k", (6, 4, 2), &mut Random(1)).bytes());
        assert_eq!((mixed.modules.len(), mixed.left_out.len()), (1, 1), "{key}");
        assert!(mixed.warnings.iter().any(|w| w.contains(name) && w.contains("left out")), "{key}: {:?}", mixed.warnings);
    }
}

#[test]
fn factors_with_values_between_them_are_no_plain_pair() {
    for (end, shape) in [("lora_E", [2, 1].as_slice()), ("lora_diag", [2].as_slice())] {
        let build = Build::default().peft("base_model.model.x.to_q", (6, 4, 2), &mut Random(1));
        let file = open(&build.tensor(&format!("base_model.model.x.to_q.{end}"), Dtype::F32, shape, vec![0.5; 2]).bytes());
        assert_eq!((file.modules.len(), file.left_out.len()), (0, 3), "{end}");
        assert!(file.warnings[0].contains("values between its factors"), "{:?}", file.warnings);
    }
}

#[test]
fn trainings_that_began_by_changing_the_base_are_told() {
    let file = |config: &str| {
        let bytes = Build::default().peft("base_model.model.x.to_q", (6, 4, 2), &mut Random(1)).bytes();
        Adapter::from_header(Header::read(&MemorySource(&bytes)).unwrap(), None, Some(config)).unwrap().warnings
    };
    for start in ["pissa", "pissa_niter_16", "olora", "corda", "lora_ga", "loftq"] {
        let warnings = file(&format!(r#"{{"peft_type":"LORA","r":2,"lora_alpha":2,"init_lora_weights":"{start}"}}"#));
        assert!(warnings.iter().any(|w| w.contains(start) && w.contains("changed base")), "{start}: {warnings:?}");
    }
    for start in ["true", "false", r#""gaussian""#, r#""eva""#, r#""orthogonal""#] {
        let warnings = file(&format!(r#"{{"peft_type":"LORA","r":2,"lora_alpha":2,"init_lora_weights":{start}}}"#));
        assert!(warnings.is_empty(), "{start}: {warnings:?}");
    }
}

#[test]
fn beginnings_of_names_lead_to_the_same_weight() {
    let wan = "blocks_0_self_attn_q";
    for stem in [
        // DiffSynth-Studio with two underscores, with its pipeline's own prefix, and bare; musubi; ComfyUI; wrapped by torch.compile and DDP.
        "lora_unet__blocks_0_self_attn_q",
        "lora_unet_blocks_0_self_attn_q",
        "pipe.dit.blocks.0.self_attn.q",
        "blocks.0.self_attn.q",
        "diffusion_model.blocks.0.self_attn.q",
        "_orig_mod.blocks.0.self_attn.q",
        "module._orig_mod.blocks.0.self_attn.q",
        "base_model.model.blocks.0.self_attn.q",
        "base_model.model.diffusion_model.blocks.0.self_attn.q",
        // diffusers, SimpleTuner, OneTrainer.
        "transformer.blocks.0.attn1.to_q",
        "lycoris_blocks_0_attn1_to_q",
        "lora_transformer_blocks_0_attn1_to_q",
    ] {
        let file = open(&Build::default().kohya(stem, (5120, 5120, 1), None, &mut Random(1)).bytes());
        let target = &file.modules[0].target;
        assert_eq!((file.detection.family, target.component, target.path.as_str()), (Family::Wan, Component::Denoiser, wan), "{stem}");
    }
    // fal's Kontext files, PixArt's and HunyuanDiT's old ones.
    for (stem, path) in [
        ("base_model.model.double_blocks.3.img_attn.proj", "double_blocks_3_img_attn_proj"),
        ("transformer.base_model.model.double_blocks.3.img_attn.proj", "double_blocks_3_img_attn_proj"),
    ] {
        let file = open(&Build::default().peft(stem, (3072, 3072, 1), &mut Random(1)).bytes());
        assert_eq!((file.detection.family, file.modules[0].target.path.as_str()), (Family::Flux1, path), "{stem}");
    }
    let pixart =
        open(&Build::default().peft("unet.base_model.model.transformer_blocks.3.attn1.to_q", (1152, 1152, 1), &mut Random(1)).bytes());
    assert_eq!(pixart.detection.family, Family::PixArt);
}

#[test]
fn spellings_of_the_two_factors_are_one() {
    let (m, n, r) = (6, 4, 2);
    let stem = "transformer.x.attn.to_q";
    let mut rng = Random(3);
    let (b, a) = (rng.many(m * r), rng.many(n * r));
    let truth = product(&b, &a, r);
    for (down, up) in [
        (".lora_down.weight", ".lora_up.weight"),
        ("_lora.down.weight", "_lora.up.weight"),
        (".lora_A.weight", ".lora_B.weight"),
        (".lora.down.weight", ".lora.up.weight"),
        (".lora_A", ".lora_B"),
        (".lora_linear_layer.down.weight", ".lora_linear_layer.up.weight"),
        (".lora_A.default.weight", ".lora_B.default.weight"),
        // A name that the user of PEFT gave the adapter.
        (".lora_A.my_style.weight", ".lora_B.my_style.weight"),
        (".lora_down", ".lora_up"),
    ] {
        let build = Build::default().tensor(&format!("{stem}{down}"), Dtype::F32, &[r, n], a.clone());
        let file = build.tensor(&format!("{stem}{up}"), Dtype::F32, &[m, r], b.clone()).bytes();
        assert!(open(&file).left_out.is_empty(), "{down}: {:?}", open(&file).warnings);
        assert!(apart(&change(&file, |_| true, None), &truth) < 1e-6, "{down}");
    }
}

#[test]
fn the_final_layers_of_flux_alone_are_flux_where_the_metadata_says_so() {
    for architecture in ["flux-1-dev/lora", "flux-1-schnell/lora", "Flux.1-dev"] {
        for prefix in ["lora_unet_", "diffusion_model."] {
            let name = |path: &str| if prefix == "lora_unet_" { path.replace('.', "_") } else { path.to_owned() };
            let file = Build::default()
                .kohya(&format!("{prefix}{}", name("final_layer.linear")), (64, 3072, 1), None, &mut Random(1))
                .kohya(&format!("{prefix}{}", name("final_layer.adaLN_modulation.1")), (6144, 3072, 1), None, &mut Random(2))
                .meta("modelspec.architecture", architecture);
            let found = open(&file.bytes()).detection;
            assert_eq!(found.family, Family::Flux1, "{architecture} {prefix}: {:?}", found.evidence);
        }
        let file = Build::default()
            .peft("transformer.proj_out", (64, 3072, 1), &mut Random(1))
            .peft("transformer.norm_out.linear", (6144, 3072, 1), &mut Random(2))
            .meta("modelspec.architecture", architecture);
        let found = open(&file.bytes()).detection;
        assert_eq!(found.family, Family::Flux1, "{architecture} diffusers: {:?}", found.evidence);
    }
    let chroma = pair_of_chroma().meta("modelspec.architecture", "chroma/lora").bytes();
    assert_eq!(open(&chroma).detection.family, Family::Chroma);
}

fn pair_of_chroma() -> Build {
    Build::default().kohya("lora_unet_final_layer_linear", (64, 3072, 1), None, &mut Random(1))
}

#[test]
fn placeholders_of_onetrainer_are_carried() {
    let mut build = Build::default().kohya("lora_transformer_transformer_blocks_0_attn_to_q", (3072, 3072, 1), None, &mut Random(1));
    for end in ["clip_l", "clip_l_out", "t5", "t5_out", "clip_g", "llama", "weird.name.lora_A.weight"] {
        build = build.tensor(&format!("bundle_emb.cat.{end}"), Dtype::F32, &[2, 8], vec![0.5; 16]);
    }
    let file = open(&build.bytes());
    assert_eq!((file.modules.len(), file.carried.len(), file.left_out.len()), (1, 7, 0));
}

#[test]
fn a_bound_of_zero_on_a_rotation_is_no_dead_module() {
    let blocks = Random(1).many(2 * 4 * 4);
    let build = Build::default().tensor("lora_unet_x.oft_blocks", Dtype::F32, &[2, 4, 4], blocks);
    let file = build.tensor("lora_unet_x.alpha", Dtype::F32, &[], vec![0.0]).bytes();
    let report = verify(&MemorySource(&file), &VerifyOptions::default(), &Silent).unwrap();
    assert!(!report.findings.iter().any(|f| f.code.starts_with("alpha")), "{:?}", report.findings);
}

#[test]
fn a_magnitude_of_a_convolution_goes_back_to_peft() {
    let mut rng = Random(1);
    let stem = "base_model.model.down_blocks.1.resnets.0.conv1";
    let file = Build::default()
        .tensor(&format!("{stem}.lora_A.weight"), Dtype::F32, &[2, 320, 3, 3], rng.many(2 * 320 * 9))
        .tensor(&format!("{stem}.lora_B.weight"), Dtype::F32, &[640, 2, 1, 1], rng.many(640 * 2))
        .tensor(&format!("{stem}.lora_magnitude_vector"), Dtype::F32, &[1, 640, 1, 1], rng.many(640))
        .peft("base_model.model.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k", (640, 2048, 2), &mut rng)
        .tensor(
            "base_model.model.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.lora_magnitude_vector",
            Dtype::F32,
            &[640],
            rng.many(640),
        )
        .bytes();
    let base = One(640, 2880, rng.many(640 * 2880));
    let of = |bytes: &[u8]| change(bytes, |m| m.target.path == "down_blocks_1_resnets_0_conv1", Some(&base));
    let truth = of(&file);
    for to in Convention::ALL {
        let (adapter, source) = (open(&file), MemorySource(&file));
        let options = ConvertOptions { dtype: Some(OutDtype::F32), ..ConvertOptions::new(to) };
        let (out, _) =
            convert_into(Member { adapter: &adapter, source: &source }, &options, std::io::Cursor::new(Vec::new()), &Silent).unwrap();
        let out = out.into_inner();
        assert_eq!(open(&out).modules[0].kind, Kind::Dora);
        assert!(apart(&of(&out), &truth) < 1e-6, "{to:?}");
    }
}
