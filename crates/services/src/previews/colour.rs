//! OKLCH to sRGB, so that the palette is even to the eye: equal steps of lightness look equal at every hue.
//!
//! Formulas: Björn Ottosson, "A perceptual color space for image processing" (2020).

/// A colour in OKLCH.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Lch {
    /// Lightness, 0 black to 1 white.
    pub(crate) l: f64,
    /// Chroma, 0 grey to about 0.3.
    pub(crate) c: f64,
    /// Hue in degrees.
    pub(crate) h: f64,
}

impl Lch {
    pub(crate) const fn new(l: f64, c: f64, h: f64) -> Self {
        Self { l, c, h }
    }

    /// Linear sRGB; components may lie outside 0..1.
    fn linear(self) -> [f64; 3] {
        let (sin, cos) = self.h.to_radians().sin_cos();
        let (a, b) = (self.c * cos, self.c * sin);
        let l = (self.l + 0.396_337_777_4 * a + 0.215_803_757_3 * b).powi(3);
        let m = (self.l - 0.105_561_345_8 * a - 0.063_854_172_8 * b).powi(3);
        let s = (self.l - 0.089_484_177_5 * a - 1.291_485_548_0 * b).powi(3);
        [
            4.076_741_662_1 * l - 3.307_711_591_3 * m + 0.230_969_929_2 * s,
            -1.268_438_004_6 * l + 2.609_757_401_1 * m - 0.341_319_396_5 * s,
            -0.004_196_086_3 * l - 0.703_418_614_7 * m + 1.707_614_701_0 * s,
        ]
    }

    /// `#rrggbb`. What sRGB cannot show loses chroma, never hue or lightness.
    pub(crate) fn hex(self) -> String {
        let mut colour = Self { l: self.l.clamp(0.0, 1.0), ..self };
        for _ in 0..24 {
            if colour.linear().iter().all(|v| (-0.0005..=1.0005).contains(v)) {
                break;
            }
            colour.c *= 0.92;
        }
        let [r, g, b] = colour.linear().map(encode);
        format!("#{r:02x}{g:02x}{b:02x}")
    }
}

/// The sRGB transfer curve, to 8 bits.
fn encode(v: f64) -> u8 {
    let v = v.clamp(0.0, 1.0);
    let v = if v <= 0.003_130_8 { 12.92 * v } else { 1.055 * v.powf(1.0 / 2.4) - 0.055 };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0..=255 by the clamp above")]
    let byte = (v * 255.0).round() as u8;
    byte
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_colours_come_out() {
        assert_eq!(Lch::new(1.0, 0.0, 0.0).hex(), "#ffffff");
        assert_eq!(Lch::new(0.0, 0.0, 0.0).hex(), "#000000");
        // sRGB red is oklch(0.62796 0.25768 29.234).
        assert_eq!(Lch::new(0.627_955, 0.257_683, 29.233_88).hex(), "#ff0000");
    }

    #[test]
    fn what_srgb_cannot_show_keeps_its_lightness() {
        let wild = Lch::new(0.7, 0.4, 150.0).hex();
        assert!(wild.starts_with('#') && wild.len() == 7);
        assert_ne!(wild, "#00ff00");
    }
}
