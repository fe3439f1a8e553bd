//! A service that looks a word up in the data dictionaries of the cluster.

use busker_service::prelude::*;

/// What [`CurrencyCode`] takes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, SimpleIo)]
pub struct Currency {
    /// Name of a currency as the CRM has it, such as `USD`.
    pub currency: String,
}

/// What [`CurrencyCode`] answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, SimpleIo)]
pub struct Code {
    /// Numeric code of ISO 4217, such as `840`.
    pub code: String,
}

/// Translates `crm.currency` to `iso_4217.numeric`.
#[derive(Debug, Clone, Copy)]
pub struct CurrencyCode;

impl Service for CurrencyCode {
    const NAME: &'static str = "samples.currency-code";
    const DOC: &'static str =
        "Answers the number that ISO 4217 has for a currency, by the data dictionaries.";
    type Input = Currency;
    type Output = Code;

    fn options() -> Options {
        Options {
            idempotent: true,
            ..Options::default()
        }
    }

    async fn handle(&self, ctx: &Context, input: Currency) -> Result<Code, Fault> {
        let from = ("crm", "currency", input.currency.as_str());
        let code = ctx.translate(from, ("iso_4217", "numeric")).await?;
        let code = code.ok_or_else(|| {
            Fault::not_found(format!(
                "currency: nobody said which code {:?} has",
                input.currency
            ))
        })?;
        Ok(Code { code })
    }
}
