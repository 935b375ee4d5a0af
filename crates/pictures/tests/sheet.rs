//! Sheets: every picture in its cell, labels where they belong, never larger than a program can open.
#![expect(clippy::unwrap_used, reason = "tests")]

use weft_pictures::sheet::{Sheet, SheetWords};
use weft_pictures::{Pixels, decode, inspect};

fn flat(width: u32, height: u32, colour: [u8; 3]) -> Pixels {
    Pixels::new(width, height, colour.repeat((width * height) as usize)).unwrap()
}

fn words() -> SheetWords {
    SheetWords {
        columns: vec!["0.5".into(), "0.8".into(), "a label that is much too long for one line of so small a cell".into()],
        rows: vec!["Euler a".into(), "Ωμέγα ночь 夜".into()],
        axes: vec!["Ink weight".into(), "Sampler".into()],
        caption: vec!["a fox in the snow, ".repeat(40), "Negative: dark".into(), "Dream · 20 steps".into()],
    }
}

/// Where pixels of exactly this colour are: their box.
fn found(sheet: &Pixels, colour: [u8; 3]) -> Option<(u32, u32, u32, u32)> {
    let mut bounds: Option<(u32, u32, u32, u32)> = None;
    for (at, pixel) in sheet.rgb.chunks_exact(3).enumerate() {
        if pixel == colour {
            let (x, y) = (at as u32 % sheet.width, at as u32 / sheet.width);
            let (left, top, right, bottom) = bounds.unwrap_or((x, y, x, y));
            bounds = Some((left.min(x), top.min(y), right.max(x), bottom.max(y)));
        }
    }
    bounds
}

fn dark_in(sheet: &Pixels, x: std::ops::Range<u32>, y: std::ops::Range<u32>) -> usize {
    let dark = |x: u32, y: u32| sheet.rgb[((y * sheet.width + x) * 3) as usize] < 120;
    y.flat_map(|y| x.clone().map(move |x| (x, y))).filter(|&(x, y)| dark(x, y)).count()
}

#[test]
fn pictures_stand_in_their_cells_row_by_row() {
    let mut sheet = Sheet::new(&words(), 6, 96, 128);
    assert_eq!(sheet.cell(), (96, 128));
    let colours = [[200, 0, 0], [0, 200, 0], [0, 0, 200], [200, 200, 0], [0, 200, 200]];
    for (cell, colour) in colours.into_iter().enumerate() {
        sheet.put(cell, &flat(96, 128, colour)).unwrap();
    }
    // One that is too large is made smaller, one that has no place is left out.
    sheet.put(3, &flat(192, 256, colours[3])).unwrap();
    sheet.put(99, &flat(96, 128, [1, 2, 3])).unwrap();
    let drawn = sheet.finish();
    let boxes: Vec<_> = colours.iter().map(|colour| found(&drawn, *colour).unwrap()).collect();
    for bounds in &boxes {
        assert_eq!((bounds.2 - bounds.0 + 1, bounds.3 - bounds.1 + 1), (96, 128));
    }
    assert!(boxes[0].2 < boxes[1].0 && boxes[1].2 < boxes[2].0 && boxes[0].1 == boxes[2].1, "{boxes:?}");
    assert!(boxes[3].0 == boxes[0].0 && boxes[3].1 > boxes[0].3 && boxes[4].0 == boxes[1].0, "{boxes:?}");
    assert_eq!(found(&drawn, [1, 2, 3]), None);
    // Labels: above each column, left of each row, the caption below; the sixth cell is open.
    for column in 0..3 {
        assert!(dark_in(&drawn, boxes[column].0..boxes[column].2, 0..boxes[0].1) > 20, "column {column}");
    }
    assert!(dark_in(&drawn, 0..boxes[0].0, boxes[0].1..boxes[0].3) > 20);
    assert!(dark_in(&drawn, 0..boxes[0].0, boxes[3].1..boxes[3].3) > 20);
    assert!(dark_in(&drawn, 0..drawn.width, boxes[3].3 + 2..drawn.height) > 200);
    assert_eq!(dark_in(&drawn, boxes[2].0..boxes[2].2, boxes[3].1..boxes[3].3), 0);
}

#[test]
fn a_plain_request_becomes_an_even_grid() {
    let none = SheetWords::default();
    for (count, across) in [(1, 1), (2, 2), (4, 2), (5, 3), (9, 3), (10, 4)] {
        let mut sheet = Sheet::new(&none, count, 400, 400);
        sheet.put(count - 1, &flat(400, 400, [9, 9, 200])).unwrap();
        let drawn = sheet.finish();
        assert!(drawn.width >= 400 * across && drawn.width < 400 * (across + 1), "{count}: {}", drawn.width);
        assert!(found(&drawn, [9, 9, 200]).is_some(), "{count}");
    }
}

#[test]
fn large_sheets_are_made_smaller_as_a_whole() {
    let many = |n: usize| (0..n).map(|n| n.to_string()).collect::<Vec<_>>();
    for (columns, rows, side) in [(16, 16, 1024), (256, 1, 512), (1, 256, 2048), (256, 1, 16_384)] {
        let words = SheetWords { columns: many(columns), rows: many(rows), ..SheetWords::default() };
        let mut sheet = Sheet::new(&words, columns * rows, side, side);
        let cell = sheet.cell();
        assert!(cell.0 < side && cell.0 > 8, "{cell:?}");
        sheet.put(columns * rows - 1, &flat(512, 512, [9, 9, 200])).unwrap();
        let drawn = sheet.finish();
        assert!(drawn.width <= 16_384 && drawn.height <= 16_384, "{} × {}", drawn.width, drawn.height);
        assert!(found(&drawn, [9, 9, 200]).is_some());
    }
}

#[test]
fn hostile_labels_are_labels() {
    let evil = "\u{202e}\0\n\n\t<b>".repeat(500);
    let words = SheetWords {
        columns: vec![evil.clone(); 3],
        rows: vec![evil.clone(), String::new()],
        axes: vec![evil.clone(); 5],
        caption: vec![evil],
    };
    let png = Sheet::new(&words, 6, 1, 100_000).png().unwrap();
    let seen = inspect(&png).unwrap();
    assert_eq!(decode(&png).unwrap().width, seen.width);
}
