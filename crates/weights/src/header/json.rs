//! The JSON part, visited straight into the structs: no tree of values in between.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{HeaderError, MAX_DIMS, MAX_METADATA_VALUE, MAX_NAME, MAX_TENSORS, TensorInfo};
use crate::dtype::Dtype;

/// What the JSON says, checked tensor by tensor.
pub(super) struct Parsed {
    pub(super) tensors: Vec<TensorInfo>,
    pub(super) metadata: BTreeMap<String, String>,
}

/// Parses the JSON object of a header whose data begins at byte `data_start` of a file of `file_len` bytes.
pub(super) fn parse(json: &[u8], data_start: u64, file_len: u64) -> Result<Parsed, HeaderError> {
    let mut state =
        State { out: Parsed { tensors: Vec::new(), metadata: BTreeMap::new() }, seen_metadata: false, problem: None, data_start, file_len };
    let mut reader = serde_json::Deserializer::from_slice(json);
    let result = Top(&mut state).deserialize(&mut reader).and_then(|()| reader.end());
    match (state.problem, result) {
        (Some(problem), _) => Err(problem),
        (None, Err(e)) if e.to_string().starts_with("recursion limit") => Err(HeaderError::TooDeep),
        (None, Err(e)) => Err(HeaderError::NotJson { detail: e.to_string() }),
        (None, Ok(())) => Ok(state.out),
    }
}

/// Errors of our own leave the visitor through `problem`; serde only carries the stop.
struct State {
    out: Parsed,
    seen_metadata: bool,
    problem: Option<HeaderError>,
    data_start: u64,
    file_len: u64,
}

impl State {
    fn fail<E: serde::de::Error>(&mut self, problem: HeaderError) -> E {
        self.problem = Some(problem);
        E::custom("stopped")
    }
}

struct Top<'a>(&'a mut State);

impl<'de> DeserializeSeed<'de> for Top<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Top<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Text(key)) = map.next_key::<Text<'de>>()? {
            if key.len() > MAX_NAME {
                return Err(self.0.fail(HeaderError::NameTooLong { len: key.len() }));
            }
            if key == "__metadata__" {
                if std::mem::replace(&mut self.0.seen_metadata, true) {
                    return Err(self.0.fail(HeaderError::DuplicateKey { key: key.into_owned() }));
                }
                let raw = map.next_value_seed(Metadata(self.0));
                raw.map_err(|e| note(self.0, e, |detail| HeaderError::BadMetadata { detail }))?;
                continue;
            }
            if self.0.out.tensors.len() == MAX_TENSORS {
                return Err(self.0.fail(HeaderError::TooManyTensors));
            }
            let name = key.into_owned();
            let raw = map.next_value_seed(Tensor { state: self.0, name: &name })?;
            let info = raw.check(name, self.0.data_start, self.0.file_len).map_err(|p| self.0.fail(p))?;
            self.0.out.tensors.push(info);
        }
        Ok(())
    }
}

/// Gives an error of serde a variant of ours unless it is broken JSON or was ours already.
fn note<E: serde::de::Error + fmt::Display>(state: &mut State, error: E, make: impl FnOnce(String) -> HeaderError) -> E {
    let text = error.to_string();
    if state.problem.is_none()
        && (text.starts_with("invalid type") || text.starts_with("invalid value") || text.starts_with("number out of range"))
    {
        state.problem = Some(make(text));
    }
    error
}

/// A string, borrowed from the header where it has no escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct V;
        impl<'de> Visitor<'de> for V {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }
            fn visit_borrowed_str<E>(self, v: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(v)))
            }
            fn visit_str<E>(self, v: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(v.to_owned())))
            }
        }
        deserializer.deserialize_str(V)
    }
}

struct Metadata<'a>(&'a mut State);

impl<'de> DeserializeSeed<'de> for Metadata<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Metadata<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of texts")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Text(key)) = map.next_key::<Text<'de>>()? {
            if key.len() > MAX_NAME {
                return Err(self.0.fail(HeaderError::NameTooLong { len: key.len() }));
            }
            let Text(value) = map.next_value::<Text<'de>>().map_err(|e| {
                note(self.0, e, |detail| HeaderError::BadMetadata { detail: format!("{}: {detail}", crate::text::shown(&key)) })
            })?;
            if value.len() > MAX_METADATA_VALUE {
                return Err(self.0.fail(HeaderError::MetadataTooLarge { key: key.into_owned(), len: value.len() }));
            }
            let key = key.into_owned();
            if self.0.out.metadata.insert(key.clone(), value.into_owned()).is_some() {
                return Err(self.0.fail(HeaderError::DuplicateKey { key }));
            }
        }
        Ok(())
    }
}

struct Tensor<'a> {
    state: &'a mut State,
    name: &'a str,
}

#[derive(Default)]
struct RawTensor {
    dtype: Option<Dtype>,
    shape: Option<Vec<u64>>,
    offsets: Option<[u64; 2]>,
}

impl<'de> DeserializeSeed<'de> for Tensor<'_> {
    type Value = RawTensor;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<RawTensor, D::Error> {
        let Tensor { state, name } = self;
        deserializer
            .deserialize_map(Tensor { state: &mut *state, name })
            .map_err(|e| note(state, e, |detail| HeaderError::BadField { key: name.to_owned(), field: "description", detail }))
    }
}

impl<'de> Visitor<'de> for Tensor<'_> {
    type Value = RawTensor;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with dtype, shape and data_offsets")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawTensor, A::Error> {
        let mut raw = RawTensor::default();
        let name = self.name;
        let bad =
            |state: &mut State, e: A::Error, field| note(state, e, |detail| HeaderError::BadField { key: name.to_owned(), field, detail });
        while let Some(Text(field)) = map.next_key::<Text<'de>>()? {
            let twice = match &*field {
                "dtype" => {
                    let Text(dtype) = map.next_value::<Text<'de>>().map_err(|e| bad(self.state, e, "dtype"))?;
                    let known = Dtype::parse(&dtype)
                        .ok_or_else(|| self.state.fail(HeaderError::UnknownDtype { key: name.to_owned(), dtype: dtype.into_owned() }))?;
                    raw.dtype.replace(known).is_some()
                }
                "shape" => {
                    let Dims(dims) = map.next_value::<Dims>().map_err(|e| bad(self.state, e, "shape"))?;
                    let dims = dims.ok_or_else(|| self.state.fail(HeaderError::TooManyDims { key: name.to_owned() }))?;
                    raw.shape.replace(dims).is_some()
                }
                "data_offsets" => {
                    let offsets = map.next_value::<[u64; 2]>().map_err(|e| bad(self.state, e, "data_offsets"))?;
                    raw.offsets.replace(offsets).is_some()
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    false
                }
            };
            if twice {
                let key = format!("{name}.{field}");
                return Err(self.state.fail(HeaderError::DuplicateKey { key }));
            }
        }
        Ok(raw)
    }
}

/// A shape; None when it has too many dimensions to be one.
struct Dims(Option<Vec<u64>>);

impl<'de> Deserialize<'de> for Dims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct V;
        impl<'de> Visitor<'de> for V {
            type Value = Dims;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of sizes")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Dims, A::Error> {
                let mut dims = Vec::with_capacity(4);
                while let Some(dim) = seq.next_element::<u64>()? {
                    if dims.len() == MAX_DIMS {
                        while seq.next_element::<IgnoredAny>()?.is_some() {}
                        return Ok(Dims(None));
                    }
                    dims.push(dim);
                }
                Ok(Dims(Some(dims)))
            }
        }
        deserializer.deserialize_seq(V)
    }
}

impl RawTensor {
    /// Checked arithmetic only: sizes, order, and that the bytes lie inside the file.
    fn check(self, name: String, data_start: u64, file_len: u64) -> Result<TensorInfo, HeaderError> {
        let missing = |field| HeaderError::MissingField { key: name.clone(), field };
        let dtype = self.dtype.ok_or_else(|| missing("dtype"))?;
        let dims = self.shape.ok_or_else(|| missing("shape"))?;
        let [start, end] = self.offsets.ok_or_else(|| missing("data_offsets"))?;
        let Some(actual) = end.checked_sub(start) else { return Err(HeaderError::Backwards { key: name, start, end }) };
        let available = file_len - data_start;
        if end > available {
            return Err(HeaderError::OutOfFile { key: name, end, available });
        }
        let expected = dims.iter().try_fold(dtype.size() as u64, |n, d| n.checked_mul(*d));
        let shape = dims.iter().map(|d| usize::try_from(*d).ok()).collect::<Option<Vec<_>>>();
        let (Some(expected), Some(shape)) = (expected, shape) else { return Err(HeaderError::SizeOverflow { key: name }) };
        if expected != actual {
            return Err(HeaderError::WrongSize { key: name, expected, actual });
        }
        Ok(TensorInfo { name, dtype, shape, range: data_start + start..data_start + end })
    }
}
