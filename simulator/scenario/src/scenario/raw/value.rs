//! Values with their places: texts that are read later, so that all errors in them are reported at once.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use pullstop_core::yaml::place_of;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

use super::read::Read;
use crate::scenario::Place;

/// What has a place.
pub(crate) trait Placed {
    /// Where it stands.
    fn place(&self) -> Place;
}

/// Members, and where they begin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At<T> {
    value: T,
    place: Place,
}

/// A text that is to be read as `T`, and where it stands.
#[expect(clippy::struct_field_names, reason = "a text is a text")]
pub(crate) struct Text<T> {
    /// As it was written.
    pub(crate) text: String,
    place: Place,
    read_as: PhantomData<fn() -> T>,
}

/// `true`, or members that say more.
#[derive(Debug)]
pub(crate) enum OrMore<T> {
    /// `true` or `false`.
    Plain(bool),
    /// The members.
    More(T),
}

/// Where it stands, if it is written at all.
pub(crate) fn place<T: Placed>(written: Option<&T>) -> Option<Place> {
    written.map(Placed::place)
}

impl<T> Placed for At<T> {
    fn place(&self) -> Place {
        self.place
    }
}

impl<T> Placed for Text<T> {
    fn place(&self) -> Place {
        self.place
    }
}

impl Placed for Place {
    fn place(&self) -> Place {
        *self
    }
}

impl<T> Deref for At<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> fmt::Debug for Text<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<T>::deserialize(deserializer)?;
        Ok(Self {
            place: place_of(spanned.referenced),
            value: spanned.value,
        })
    }
}

impl<'de, T> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<String>::deserialize(deserializer)?;
        Ok(Self {
            place: place_of(spanned.referenced),
            text: spanned.value,
            read_as: PhantomData,
        })
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OrMore<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OrMoreVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for OrMoreVisitor<T> {
            type Value = OrMore<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`true` or members, as in `name: value`")
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
                Ok(OrMore::Plain(value))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(OrMore::More)
            }
        }

        deserializer.deserialize_any(OrMoreVisitor(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

impl<T: Read> JsonSchema for Text<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Text".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        T::schema()
    }
}

impl<T: JsonSchema> JsonSchema for OrMore<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("OrMore{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "const": true }, generator.subschema_for::<T>()] })
    }
}
