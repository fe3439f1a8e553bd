//! A service that asks another system: amounts in another currency, at the rate of a provider.

use busker_model::object::Violation;
use busker_service::prelude::*;

use crate::money::Decimal;

/// The outgoing plain HTTP connection that is asked for rates; it has to be made first, at the address of any provider
/// that answers `GET ?from=EUR&to=USD` with `{"rate": "1.0854"}`.
pub const RATES_CONNECTION: &str = "Currency rates";

/// What [`CurrencyConvert`] takes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, SimpleIo)]
pub struct Conversion {
    /// Amount, such as `19.99`.
    pub amount: String,
    /// Currency of the amount: three letters of ISO 4217.
    pub from: String,
    /// Currency wanted: three letters of ISO 4217.
    pub to: String,
}

/// What [`CurrencyConvert`] answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, SimpleIo)]
pub struct Converted {
    /// Amount in the currency wanted, in cents.
    pub amount: String,
    /// Its currency.
    pub currency: String,
    /// Rate that was used.
    pub rate: String,
}

/// What the provider answers. The rate is a text, so that it keeps its digits.
#[derive(Debug, Deserialize)]
struct RateAnswer {
    rate: String,
}

/// Converts an amount through [`RATES_CONNECTION`].
#[derive(Debug, Clone, Copy)]
pub struct CurrencyConvert;

impl Service for CurrencyConvert {
    const NAME: &'static str = "samples.currency-convert";
    const DOC: &'static str =
        "Converts an amount at the rate of the outgoing connection \"Currency rates\".";
    type Input = Conversion;
    type Output = Converted;

    fn options() -> Options {
        Options {
            idempotent: true,
            ..Options::default()
        }
    }

    async fn handle(&self, ctx: &Context, input: Conversion) -> Result<Converted, Fault> {
        let (amount, from, to) = check(&input)?;
        let rate = if from == to {
            "1".to_owned()
        } else {
            ask(ctx, &from, &to).await?
        };
        let factor: Decimal = rate.parse().map_err(|_| {
            Fault::remote(ErrorClass::Unavailable, "the provider's rate is no number").retry(false)
        })?;
        let product = amount
            .times(factor)
            .ok_or_else(|| Fault::invalid("amount: too large"))?;
        Ok(Converted {
            amount: product.to_cents().to_string(),
            currency: to,
            rate: factor.to_string(),
        })
    }
}

/// All faults of the input at once, so that a caller mends it in one go.
fn check(input: &Conversion) -> Result<(Decimal, String, String), Fault> {
    let mut violations = Vec::new();
    let amount = input.amount.parse::<Decimal>();
    if amount.is_err() {
        violations.push(Violation::new(
            "amount",
            "is no decimal number, such as 19.99",
        ));
    }
    for (field, code) in [("from", &input.from), ("to", &input.to)] {
        let is_code = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_alphabetic());
        if !is_code {
            violations.push(Violation::new(field, "is no currency, such as EUR"));
        }
    }
    match amount {
        Ok(amount) if violations.is_empty() => Ok((
            amount,
            input.from.to_ascii_uppercase(),
            input.to.to_ascii_uppercase(),
        )),
        Ok(_) | Err(_) => Err(Fault::violations(violations)),
    }
}

async fn ask(ctx: &Context, from: &str, to: &str) -> Result<String, Fault> {
    let answer = ctx
        .http(RATES_CONNECTION)
        .query("from", from)
        .query("to", to)
        .get()
        .await?;
    if answer.status == 404 {
        return Err(Fault::not_found(format!(
            "there is no rate from {from} to {to}"
        )));
    }
    if !answer.ok() {
        let message = format!("the provider of rates answered {}", answer.status);
        return Err(Fault::remote(ErrorClass::Unavailable, message));
    }
    Ok(answer.json::<RateAnswer>()?.rate)
}
