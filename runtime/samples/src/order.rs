//! A service with a list in its input: what an order comes to.

use busker_model::object::Violation;
use busker_service::prelude::*;

use crate::money::Decimal;

/// Most lines of an order.
const LINES: usize = 1000;

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Article.
    pub article: String,
    /// Pieces.
    pub quantity: u32,
    /// Price of one, such as `19.99`.
    pub price: String,
}

/// What [`OrderTotal`] takes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, SimpleIo)]
pub struct Order {
    /// Lines: article, quantity and price each.
    pub lines: Vec<Line>,
    /// Tax in percent, such as `19`; none when it is missing.
    pub tax_percent: Option<String>,
}

/// What [`OrderTotal`] answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, SimpleIo)]
pub struct Total {
    /// Sum of the lines.
    pub net: String,
    /// Tax on it.
    pub tax: String,
    /// Both together.
    pub gross: String,
    /// Pieces in all.
    pub pieces: u64,
}

/// Adds up an order.
#[derive(Debug, Clone, Copy)]
pub struct OrderTotal;

impl Service for OrderTotal {
    const NAME: &'static str = "samples.order-total";
    const DOC: &'static str = "Adds up the lines of an order, with tax, without rounding errors.";
    type Input = Order;
    type Output = Total;

    fn options() -> Options {
        Options {
            idempotent: true,
            ..Options::default()
        }
    }

    async fn handle(&self, _ctx: &Context, input: Order) -> Result<Total, Fault> {
        total(&input)
    }
}

fn total(order: &Order) -> Result<Total, Fault> {
    if order.lines.len() > LINES {
        return Err(Fault::new(
            ErrorClass::TooLarge,
            format!("lines: at most {LINES}"),
        ));
    }
    let mut violations = Vec::new();
    let mut net = Decimal::default();
    let too_large = || Fault::invalid("lines: the total is too large");
    for (index, line) in order.lines.iter().enumerate() {
        match price(&line.price) {
            Some(price) => {
                let quantity: Decimal = line.quantity.to_string().parse().unwrap_or_default();
                let sum = price.times(quantity).ok_or_else(too_large)?;
                net = net.plus(sum).ok_or_else(too_large)?;
            }
            None => violations.push(Violation::new(
                format!("lines.{index}.price"),
                "is no price, such as 19.99",
            )),
        }
    }
    let percent = price(order.tax_percent.as_deref().unwrap_or("0"));
    let Some(percent) = percent.filter(|_| violations.is_empty()) else {
        if percent.is_none() {
            violations.push(Violation::new(
                "tax_percent",
                "is no percentage, such as 19",
            ));
        }
        return Err(Fault::violations(violations));
    };
    let hundredth: Decimal = "0.01".parse().unwrap_or_default();
    let rate = percent.times(hundredth).ok_or_else(too_large)?;
    let tax = net.times(rate).ok_or_else(too_large)?.to_cents();
    let gross = net.plus(tax).ok_or_else(too_large)?.to_cents();
    Ok(Total {
        net: net.to_cents().to_string(),
        tax: tax.to_string(),
        gross: gross.to_string(),
        pieces: order
            .lines
            .iter()
            .map(|line| u64::from(line.quantity))
            .sum(),
    })
}

fn price(text: &str) -> Option<Decimal> {
    let price: Decimal = text.parse().ok()?;
    (!price.is_negative()).then_some(price)
}
