// Stored numbers to f32 and back, in integer arithmetic: the result depends on no driver's idea of small or rounded numbers.
// NaN and infinity never come in (checked before the upload); infinity can come out of a sum.

const F32: u32 = 0u;
const F16: u32 = 1u;
const BF16: u32 = 2u;
const E4M3: u32 = 3u;
const E5M2: u32 = 4u;

fn from_f16(h: u32) -> f32 {
    let sign = (h & 0x8000u) << 16u;
    let mantissa = h & 0x3ffu;
    let exponent = (h >> 10u) & 0x1fu;
    if (exponent == 0u) {
        let tiny = f32(mantissa) * 5.9604644775390625e-8; // 2^-24
        return select(tiny, -tiny, sign != 0u);
    }
    return bitcast<f32>(sign | ((exponent + 112u) << 23u) | (mantissa << 13u));
}

fn from_e4m3(c: u32) -> f32 {
    let sign = (c & 0x80u) << 24u;
    let mantissa = c & 7u;
    let exponent = (c >> 3u) & 15u;
    if (exponent == 0u) {
        let tiny = f32(mantissa) * 0.001953125; // 2^-9
        return select(tiny, -tiny, sign != 0u);
    }
    return bitcast<f32>(sign | ((exponent + 120u) << 23u) | (mantissa << 20u));
}

// Value `i` of the word that holds it.
fn decode(code: u32, word: u32, i: u32) -> f32 {
    switch code {
        case F32: { return bitcast<f32>(word); }
        case F16: { return from_f16((word >> ((i & 1u) * 16u)) & 0xffffu); }
        case BF16: { return bitcast<f32>(((word >> ((i & 1u) * 16u)) & 0xffffu) << 16u); }
        case E4M3: { return from_e4m3((word >> ((i & 3u) * 8u)) & 0xffu); }
        default: { return from_f16(((word >> ((i & 3u) * 8u)) & 0xffu) << 8u); }
    }
}

// How many times a value's index is halved to get its word.
fn shift_of(code: u32) -> u32 {
    if (code == F32) { return 0u; }
    return select(2u, 1u, code <= BF16);
}

fn to_bf16(v: f32) -> u32 {
    let bits = bitcast<u32>(v);
    if ((bits & 0x7fffffffu) > 0x7f800000u) { return ((bits >> 16u) & 0x8000u) | 0x7fc0u; }
    return (bits + 0x7fffu + ((bits >> 16u) & 1u)) >> 16u;
}

// `mantissa` (24 bits, leading one included) without its last `shift` bits, to nearest, ties to even.
fn rounded(mantissa: u32, shift: u32) -> u32 {
    if (shift > 25u) { return 0u; }
    let kept = mantissa >> shift;
    let rest = mantissa & ((1u << shift) - 1u);
    let half = 1u << (shift - 1u);
    return kept + select(0u, 1u, rest > half || (rest == half && (kept & 1u) == 1u));
}

fn to_f16(v: f32) -> u32 {
    let bits = bitcast<u32>(v);
    let sign = (bits >> 16u) & 0x8000u;
    let size = bits & 0x7fffffffu;
    if (size > 0x7f800000u) { return sign | 0x7e00u; }
    if (size >= 0x477ff000u) { return sign | 0x7c00u; } // 65520 and more
    if (size >= 0x38800000u) { return sign | ((size + 0xfffu + ((size >> 13u) & 1u) - 0x38000000u) >> 13u); }
    if (size < 0x33000000u) { return sign; } // below 2^-25
    return sign | rounded((size & 0x7fffffu) | 0x800000u, 126u - (size >> 23u));
}

fn to_e4m3(v: f32) -> u32 {
    let bits = bitcast<u32>(v);
    let sign = (bits >> 24u) & 0x80u;
    let size = bits & 0x7fffffffu;
    if (size > 0x7f800000u) { return sign | 0x7fu; }
    if (size >= 0x43e00000u) { return sign | 0x7eu; } // 448 and more: the largest
    if (size >= 0x3c800000u) { return sign | min((size + 0x7ffffu + ((size >> 20u) & 1u) - 0x3c000000u) >> 20u, 0x7eu); }
    if (size < 0x3a800000u) { return sign; } // below 2^-10
    return sign | rounded((size & 0x7fffffu) | 0x800000u, 141u - (size >> 23u));
}
