//! Decimal numbers without floating point: what money needs and JSON text can carry.

use std::fmt;
use std::str::FromStr;

/// Digits behind the point that are kept.
const DIGITS: u32 = 6;
const ONE: i128 = 10_i128.pow(DIGITS);

/// A decimal number with six digits behind the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Decimal(i128);

impl Decimal {
    /// The product, rounded half away from zero; `None` when it is too large.
    pub(crate) fn times(self, other: Self) -> Option<Self> {
        let product = self.0.checked_mul(other.0)?;
        let half = if product < 0 { -ONE / 2 } else { ONE / 2 };
        Some(Self(product.checked_add(half)? / ONE))
    }

    /// The sum; `None` when it is too large.
    pub(crate) fn plus(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// Rounded to cents, half away from zero.
    pub(crate) fn to_cents(self) -> Self {
        let cent = ONE / 100;
        let half = if self.0 < 0 { -cent / 2 } else { cent / 2 };
        Self((self.0 + half) / cent * cent)
    }

    /// Whether it is below zero.
    pub(crate) fn is_negative(self) -> bool {
        self.0 < 0
    }
}

/// A text that is no decimal number of up to 15 digits before and 6 behind the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotDecimal;

impl FromStr for Decimal {
    type Err = NotDecimal;

    fn from_str(text: &str) -> Result<Self, NotDecimal> {
        let (negative, digits) = text
            .strip_prefix('-')
            .map_or((false, text), |rest| (true, rest));
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || whole.len() > 15 || part.len() > DIGITS as usize {
            return Err(NotDecimal);
        }
        if !is_number(whole) || !is_number(part) || digits.ends_with('.') {
            return Err(NotDecimal);
        }
        let padded = format!("{whole}{part:0<width$}", width = DIGITS as usize);
        let value: i128 = padded.parse().map_err(|_| NotDecimal)?;
        Ok(Self(if negative { -value } else { value }))
    }
}

impl fmt::Display for Decimal {
    /// At least two digits behind the point, and no needless ones after that.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let value = self.0.unsigned_abs();
        let one = ONE.unsigned_abs();
        let part = format!("{:06}", value % one);
        let (cents, rest) = part.split_at(2);
        write!(
            f,
            "{sign}{}.{cents}{}",
            value / one,
            rest.trim_end_matches('0')
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn money_is_never_rounded_by_a_float() {
        let sum = decimal("0.1").plus(decimal("0.2")).unwrap();
        assert_eq!(sum.to_string(), "0.30");
        let product = decimal("19.99").times(decimal("3")).unwrap();
        assert_eq!(product.to_string(), "59.97");
        assert_eq!(decimal("1.005").to_cents().to_string(), "1.01");
        assert_eq!(decimal("-1.005").to_cents().to_string(), "-1.01");
        assert_eq!(decimal("0.083333").to_string(), "0.083333");
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "",
            "-",
            ".5",
            "5.",
            "1e3",
            "1,5",
            "+1",
            " 1",
            "0.1234567",
            "1234567890123456",
        ] {
            assert_eq!(text.parse::<Decimal>(), Err(NotDecimal), "{text}");
        }
    }
}
