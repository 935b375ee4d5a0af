//! Noise to 1e-6: PyTorch's vector code rounds differently in up to 4 units in the last place.

use super::read::{apart, file, floats, list, numbers, wide};
use weft_diffusion::noise::{Noise, TorchNormal, slerp};

#[test]
fn every_stream_is_torchs() {
    for stream in list(&file("noise.json")["streams"]) {
        let seed: u64 = stream["seed"].as_str().unwrap().parse().unwrap();
        let mut noise = TorchNormal::new(seed);
        for draw in list(&stream["draws"]) {
            let n = draw["n"].as_u64().unwrap() as usize;
            let mut out = vec![0.0; n];
            noise.next(&mut out);
            let some: Vec<f64> = out.iter().step_by(draw["every"].as_u64().unwrap() as usize).copied().map(f64::from).collect();
            let off = apart(&some, &numbers(&draw["values"]));
            assert!(off < 1e-6, "seed {seed}, {n} numbers: off by {off:e}");
        }
    }
}

#[test]
fn first_numbers_that_users_know() {
    let mut latent = vec![0.0; 4 * 64 * 64];
    TorchNormal::new(42).next(&mut latent);
    let want = [1.926_915_3, 1.487_284_1, 0.900_717_2, -2.105_521, 0.678_418_5, -1.234_544_9, -0.043_067_5, -1.604_666_9];
    assert!(apart(&wide(&latent[..8]), &want) < 1e-6);
    TorchNormal::new(0).next(&mut latent);
    assert!(apart(&wide(&latent[..4]), &[-1.125_839_8, -1.152_360_2, -0.250_578_6, -0.433_878_8]) < 1e-6);
}

#[test]
fn variation_seeds_turn_columns() {
    for case in list(&file("noise.json")["slerp"]) {
        let (mut start, end) = (floats(&case["start"]), floats(&case["end"]));
        slerp(&mut start, &end, case["share"].as_f64().unwrap(), 3, 4);
        assert!(apart(&wide(&start), &numbers(&case["want"])) < 1e-6);
    }
}
