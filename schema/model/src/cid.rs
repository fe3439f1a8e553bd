//! The correlation id: one per request that enters, carried by everything that follows from it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A correlation id, printed as Zato printed it: `K` and 39 decimal digits of a random 128-bit number.
///
/// It is also the idempotency key of an asynchronous invocation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cid(u128);

/// Length of a printed cid in bytes.
pub const CID_LEN: usize = 40;

impl Cid {
    /// A new cid from this thread's random generator.
    ///
    /// Uniqueness rests on 128 random bits; it is no secret and grants nothing.
    #[must_use]
    pub fn mint() -> Self {
        Self(fastrand::u128(..))
    }

    /// A cid with a given number, for tests and for decoding.
    #[must_use]
    pub const fn from_u128(number: u128) -> Self {
        Self(number)
    }

    /// The number behind the text.
    #[must_use]
    pub const fn as_u128(self) -> u128 {
        self.0
    }

    /// The printed form in a fixed buffer, for hot paths that must not allocate.
    #[must_use]
    pub fn text(self) -> CidText {
        let mut buffer = [b'0'; CID_LEN];
        buffer[0] = b'K';
        let mut rest = self.0;
        // Two halves of 19 digits and one leading digit: 64-bit division is far cheaper than 128-bit.
        const HALF: u128 = 10_000_000_000_000_000_000;
        let low = u64::try_from(rest % HALF).unwrap_or_default();
        rest /= HALF;
        let middle = u64::try_from(rest % HALF).unwrap_or_default();
        let high = u64::try_from(rest / HALF).unwrap_or_default();
        write_digits(&mut buffer[21..40], low);
        write_digits(&mut buffer[2..21], middle);
        write_digits(&mut buffer[1..2], high);
        CidText(buffer)
    }
}

fn write_digits(out: &mut [u8], mut number: u64) {
    for slot in out.iter_mut().rev() {
        *slot = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// A printed cid on the stack.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CidText([u8; CID_LEN]);

impl CidText {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for CidText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().as_str())
    }
}

impl fmt::Debug for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().as_str())
    }
}

/// A text that is not `K` and 39 digits of a 128-bit number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CidError;

impl fmt::Display for CidError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a cid is the letter K and 39 decimal digits")
    }
}

impl std::error::Error for CidError {}

impl FromStr for Cid {
    type Err = CidError;

    fn from_str(text: &str) -> Result<Self, CidError> {
        let digits = text.strip_prefix('K').ok_or(CidError)?;
        if digits.len() != CID_LEN - 1 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(CidError);
        }
        digits.parse().map(Self).map_err(|_| CidError)
    }
}

impl Serialize for Cid {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text().as_str())
    }
}

impl<'de> Deserialize<'de> for Cid {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_as_zato_printed_it() {
        assert_eq!(Cid::from_u128(7).to_string(), format!("K{:039}", 7));
        assert_eq!(
            Cid::from_u128(u128::MAX).to_string(),
            format!("K{:039}", u128::MAX)
        );
        let number = 255_124_128_065_587_321_859_442_392_853_212_603_320_u128;
        assert_eq!(Cid::from_u128(number).to_string(), format!("K{number}"));
    }

    #[test]
    fn parses_what_it_prints_and_nothing_else() {
        for _ in 0..1000 {
            let cid = Cid::mint();
            assert_eq!(cid.to_string().parse(), Ok(cid));
        }
        for wrong in [
            "",
            "K",
            "K1",
            "k000000000000000000000000000000000000007",
            "K+00000000000000000000000000000000000007",
        ] {
            assert_eq!(wrong.parse::<Cid>(), Err(CidError), "{wrong}");
        }
        assert_eq!(format!("K{}", "9".repeat(39)).parse::<Cid>(), Err(CidError));
    }
}
