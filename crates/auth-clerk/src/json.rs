//! JSON read without the conveniences that let a forged token through.
//!
//! Derived structs would take an array for an object, treat `null` as absent, keep the last of two equal names, and
//! skip over what they do not know without checking that it is UTF-8. This tree keeps every member as it stands, so
//! the checks above it can ask: is it there, is it there once, and is it of the right type.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// One JSON value. Text without escapes is borrowed from the input.
pub(crate) enum Json<'a> {
    Null,
    Bool,
    Number(f64),
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    Object(Object<'a>),
}

/// The members of a JSON object in their order, duplicates included.
pub(crate) struct Object<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

impl<'a> Object<'a> {
    /// Reads bytes that must be one JSON object in UTF-8 and nothing else but white space.
    ///
    /// Nesting is bounded by serde_json at 128 levels; the callers bound the length.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Object<'a>> {
        let text = std::str::from_utf8(bytes).ok()?;
        match serde_json::from_str(text) {
            Ok(Json::Object(object)) => Some(object),
            _ => None,
        }
    }

    /// The member's value; the first one, should there be two.
    pub(crate) fn get(&self, name: &str) -> Option<&Json<'a>> {
        self.0.iter().find(|(member, _)| member == name).map(|(_, value)| value)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Whether none of these names occurs twice. Names are compared after unescaping, since `"\u0061lg"` is `alg`.
    pub(crate) fn has_each_at_most_once(&self, names: &[&str]) -> bool {
        names
            .iter()
            .all(|name| self.0.iter().filter(|(member, _)| member == name).count() <= 1)
    }
}

impl Json<'_> {
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Json::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Json<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool)
    }

    // Times are all that is read as a number, and f64 holds every second for the next 285 million years exactly.
    fn visit_u64<E>(self, number: u64) -> Result<Json<'de>, E> {
        Ok(Json::Number(number as f64))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json<'de>, E> {
        Ok(Json::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Json<'de>, E> {
        Ok(Json::Number(number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json<'de>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json<'de>, A::Error> {
        let mut object = Vec::new();
        while let Some((name, value)) = members.next_entry::<Json<'de>, Json<'de>>()? {
            if let Json::Text(name) = name {
                object.push((name, value));
            }
        }
        Ok(Json::Object(Object(object)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_object_is_an_object() {
        for text in [
            "",
            "[]",
            "null",
            "1",
            "\"{}\"",
            "{",
            "{}{}",
            "{} x",
            "\u{feff}{}",
            "{'a':1}",
            "{\"a\":1,}",
            "{\"a\":1e999}",
        ] {
            assert!(Object::parse(text.as_bytes()).is_none(), "{text}");
        }
        assert!(Object::parse(b" {\"a\": [1, {\"b\": null}]}\n").is_some());
    }

    #[test]
    fn text_that_is_not_utf8_is_refused_even_where_nobody_looks() {
        assert!(Object::parse(b"{\"unknown\":\"\xff\"}").is_none());
        assert!(Object::parse(b"{\"unknown\":\"\\ud800\"}").is_none());
    }

    #[test]
    fn a_duplicate_is_seen_through_its_escapes() {
        let object = Object::parse(b"{\"alg\":\"RS256\",\"\\u0061lg\":\"none\"}").unwrap();
        assert!(!object.has_each_at_most_once(&["alg"]));
        assert!(object.has_each_at_most_once(&["kid"]));
    }

    #[test]
    fn deep_nesting_is_refused_and_does_not_overflow() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(4000), "]".repeat(4000));
        assert!(Object::parse(deep.as_bytes()).is_none());
    }

    #[test]
    fn null_is_not_absent() {
        let object = Object::parse(b"{\"a\":null}").unwrap();
        assert!(matches!(object.get("a"), Some(Json::Null)));
        assert!(!object.has("b"));
    }
}
