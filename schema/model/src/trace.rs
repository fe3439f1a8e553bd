//! The W3C `traceparent` header (<https://www.w3.org/TR/trace-context/>, level 1): read, mint, and pass on.

use std::fmt;

/// Length of a version 00 header in bytes.
const LENGTH: usize = 55;
/// Flag of a trace that is recorded.
const SAMPLED: u8 = 1;

/// Where a span stands in its trace. Neither id is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    /// Id of the trace.
    pub trace_id: u128,
    /// Id of this span, which is the parent of what it calls.
    pub span_id: u64,
    /// Flags; bit 0 says the trace is recorded.
    pub flags: u8,
}

impl TraceParent {
    /// Reads a header; `None` for anything the specification tells to ignore. A later version is read as far as we know
    /// it.
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        let (known, rest) = header.split_at_checked(LENGTH)?;
        let mut parts = known.split('-');
        let version = hex(parts.next()?, 2)?;
        let trace_id = hex(parts.next()?, 32)?;
        let span_id = u64::try_from(hex(parts.next()?, 16)?).ok()?;
        let flags = u8::try_from(hex(parts.next()?, 2)?).ok()?;
        let rest_fits = rest.is_empty() || (version > 0 && rest.starts_with('-'));
        let fine = parts.next().is_none() && version != 0xff && rest_fits;
        (fine && trace_id != 0 && span_id != 0).then_some(Self {
            trace_id,
            span_id,
            flags,
        })
    }

    /// The first span of a new trace.
    #[must_use]
    pub fn mint() -> Self {
        Self {
            trace_id: fastrand::u128(1..),
            span_id: fastrand::u64(1..),
            flags: SAMPLED,
        }
    }

    /// A new span in the same trace.
    #[must_use]
    pub fn child(self) -> Self {
        Self {
            span_id: fastrand::u64(1..),
            flags: self.flags & SAMPLED,
            ..self
        }
    }

    /// The span a request enters with: a child of the caller's when its header is right, else a new trace.
    #[must_use]
    pub fn enter(header: Option<&str>) -> Self {
        header
            .and_then(Self::parse)
            .map_or_else(Self::mint, Self::child)
    }
}

/// Lower-case hexadecimal of an exact length.
fn hex(text: &str, length: usize) -> Option<u128> {
    let digits = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if text.len() != length || !digits {
        return None;
    }
    u128::from_str_radix(text, 16).ok()
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            trace_id,
            span_id,
            flags,
        } = self;
        write!(f, "00-{trace_id:032x}-{span_id:016x}-{flags:02x}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EXAMPLE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn the_example_of_the_specification_round_trips() {
        let read = TraceParent::parse(EXAMPLE).unwrap();
        assert_eq!(read.trace_id, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
        assert_eq!(read.to_string(), EXAMPLE);
        let child = TraceParent::enter(Some(EXAMPLE));
        assert_eq!(child.trace_id, read.trace_id);
        assert_ne!(child.span_id, read.span_id);
    }

    #[test]
    fn what_the_specification_ignores_starts_a_new_trace() {
        let longer = EXAMPLE.replacen("00", "01", 1) + "-more";
        assert!(TraceParent::parse(&longer).is_some());
        for wrong in [
            String::new(),
            EXAMPLE.to_uppercase(),
            format!("{EXAMPLE}-x"),
            EXAMPLE.replacen("00", "ff", 1),
            EXAMPLE.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            EXAMPLE.replace("b7ad6b7169203331", &"0".repeat(16)),
            EXAMPLE.replace('-', "_"),
            EXAMPLE.replace("0af7", "+af7"),
            EXAMPLE.replace("-01", "-0\u{e9}"),
        ] {
            assert_eq!(TraceParent::parse(&wrong), None, "{wrong}");
            assert_ne!(TraceParent::enter(Some(&wrong)).trace_id, 0);
        }
    }

    proptest! {
        #[test]
        fn whatever_is_minted_can_be_read(text: String) {
            let known = TraceParent::parse(&text).is_some();
            prop_assert!(!known || text.len() >= LENGTH);
            let minted = TraceParent::mint();
            prop_assert_eq!(TraceParent::parse(&minted.to_string()), Some(minted));
        }
    }
}
