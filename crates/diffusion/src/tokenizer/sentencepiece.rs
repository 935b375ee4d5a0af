//! `spiece.model`: a protocol buffer of which three things are read.

use super::files::{Bad, MOST, sized};

/// What is in the file.
#[derive(Debug, Clone, Default)]
pub struct ModelFile {
    /// (piece, score) by id.
    pub pieces: Vec<(String, f64)>,
    /// The kind of each: 1 plain, 2 unknown, 3 control, 4 the user's, 5 unused, 6 a byte.
    pub kinds: Vec<u64>,
    pub charsmap: Vec<u8>,
}

/// A field's value.
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// Reads a model file.
pub fn read(bytes: &[u8]) -> Result<ModelFile, Bad> {
    sized(bytes)?;
    let mut file = ModelFile::default();
    fields(bytes, |field, value| {
        match (field, value) {
            (1, Value::Bytes(piece)) => {
                if file.pieces.len() >= MOST {
                    return Err(Bad::Damaged("too many pieces".to_owned()));
                }
                let (text, score, kind) = piece_of(piece)?;
                file.pieces.push((text, score));
                file.kinds.push(kind);
            }
            (3, Value::Bytes(normalizer)) => fields(normalizer, |field, value| {
                if let (2, Value::Bytes(table)) = (field, value) {
                    file.charsmap = table.to_vec();
                }
                Ok(())
            })?,
            _ => {}
        }
        Ok(())
    })?;
    if file.pieces.is_empty() { Err(Bad::Missing("pieces")) } else { Ok(file) }
}

fn piece_of(bytes: &[u8]) -> Result<(String, f64, u64), Bad> {
    let (mut text, mut score, mut kind) = (String::new(), 0.0, 1);
    fields(bytes, |field, value| {
        match (field, value) {
            (1, Value::Bytes(bytes)) => {
                text = std::str::from_utf8(bytes).map_err(|e| Bad::Damaged(format!("a piece is no UTF-8 ({e})")))?.to_owned();
            }
            (2, Value::Number(bits)) => score = f64::from(f32::from_bits(bits as u32)),
            (3, Value::Number(number)) => kind = number,
            _ => {}
        }
        Ok(())
    })?;
    Ok((text, score, kind))
}

/// Calls `found` for each field of a message.
fn fields<'a>(mut bytes: &'a [u8], mut found: impl FnMut(u64, Value<'a>) -> Result<(), Bad>) -> Result<(), Bad> {
    let short = || Bad::Damaged("a field is cut short".to_owned());
    while !bytes.is_empty() {
        let key = varint(&mut bytes).ok_or_else(short)?;
        let value = match key & 7 {
            0 => Value::Number(varint(&mut bytes).ok_or_else(short)?),
            1 => Value::Number(u64::from_le_bytes(*take::<8>(&mut bytes).ok_or_else(short)?)),
            2 => {
                let len = varint(&mut bytes).and_then(|len| usize::try_from(len).ok()).ok_or_else(short)?;
                let (inside, rest) = bytes.split_at_checked(len).ok_or_else(short)?;
                bytes = rest;
                Value::Bytes(inside)
            }
            5 => Value::Number(u64::from(u32::from_le_bytes(*take::<4>(&mut bytes).ok_or_else(short)?))),
            kind => return Err(Bad::Damaged(format!("a field of kind {kind}: this is no SentencePiece model"))),
        };
        found(key >> 3, value)?;
    }
    Ok(())
}

fn take<'a, const N: usize>(bytes: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(first)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let [byte] = *take::<1>(bytes)?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
