//! Noise between two seeds.

/// `start` turned towards `end` by `share` (0 keeps `start`, 1 gives `end`) along the great circle, column by column, in place.
///
/// As A1111's variation seeds do it: each column of each channel is a vector of `rows` numbers with an angle of its own, and where
/// the vectors are nearly parallel on average (mean cosine over 0.9995) the two are mixed in a straight line instead.
///
/// Both slices hold channels × `rows` × `columns` numbers, rows after one another.
///
/// # Panics
/// When the slices differ in length or are no whole number of channels.
pub fn slerp(start: &mut [f32], end: &[f32], share: f64, rows: usize, columns: usize) {
    assert_eq!(start.len(), end.len(), "both noises have one shape");
    let plane = rows * columns;
    assert!(plane > 0 && start.len().is_multiple_of(plane), "whole channels");
    let column = |values: &[f32], other: &[f32], at: usize| -> f64 {
        (0..rows).map(|row| f64::from(values[at + row * columns]) * f64::from(other[at + row * columns])).sum()
    };
    let places = || (0..start.len() / plane).flat_map(|channel| (0..columns).map(move |x| channel * plane + x));
    let cosines: Vec<f64> = places()
        .map(|at| column(start, end, at) / (column(start, start, at).sqrt() * column(end, end, at).sqrt()).max(f64::MIN_POSITIVE))
        .collect();
    let straight = cosines.iter().sum::<f64>() / cosines.len() as f64 > 0.9995;
    let places: Vec<usize> = places().collect();
    for (at, cosine) in places.into_iter().zip(cosines) {
        let (a, b) = if straight { (1.0 - share, share) } else { arc(cosine, share) };
        for i in (0..rows).map(|row| at + row * columns) {
            start[i] = (a * f64::from(start[i]) + b * f64::from(end[i])) as f32;
        }
    }
}

/// Weights of start and end on the arc. Where start and end are one line there is no arc: straight.
fn arc(cosine: f64, share: f64) -> (f64, f64) {
    let angle = cosine.clamp(-1.0, 1.0).acos();
    let sine = angle.sin();
    if sine < 1e-9 {
        return (1.0 - share, share);
    }
    (((1.0 - share) * angle).sin() / sine, (share * angle).sin() / sine)
}
