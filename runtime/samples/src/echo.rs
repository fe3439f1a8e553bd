//! Services that give back or log what they get.

use busker_model::Payload;
use busker_model::invocation::ReplyBody;
use busker_service::prelude::*;

/// Answers with its payload, byte for byte, whatever the format.
#[derive(Debug, Clone, Copy)]
pub struct Echo;

impl Service for Echo {
    const NAME: &'static str = "echo";
    const DOC: &'static str = "Answers with its payload as it is.";
    type Input = Raw;
    type Output = Reply;

    fn options() -> Options {
        Options {
            idempotent: true,
            ..Options::default()
        }
    }

    async fn handle(&self, ctx: &Context, input: Raw) -> Result<Reply, Fault> {
        Ok(match ctx.request().payload {
            Payload::None => Reply::default(),
            Payload::Json(_) => Reply::json(input.0),
            Payload::Raw(_) => Reply {
                body: ReplyBody::Raw(input.0),
                ..Reply::default()
            },
        })
    }
}

/// Most bytes of a payload that are logged.
const LOGGED_BYTES: usize = 4096;

/// Writes its payload to the log and answers nothing: what a new channel can be pointed at first.
#[derive(Debug, Clone, Copy)]
pub struct InputLogger;

impl Service for InputLogger {
    const NAME: &'static str = "input-logger";
    const DOC: &'static str = "Writes its payload to the log and answers nothing.";
    type Input = Raw;
    type Output = ();

    async fn handle(&self, ctx: &Context, input: Raw) -> Result<(), Fault> {
        let shown = input.0.get(..LOGGED_BYTES).unwrap_or(&input.0);
        let payload = String::from_utf8_lossy(shown);
        let bytes = input.0.len();
        tracing::info!(cid = %ctx.cid(), service = Self::NAME, bytes, "{payload}");
        Ok(())
    }
}

/// What [`TypedEcho`] takes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, SimpleIo)]
pub struct Text {
    /// Any text.
    pub text: String,
}

/// What [`TypedEcho`] answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, SimpleIo)]
pub struct Measured {
    /// The text.
    pub text: String,
    /// Its length in characters.
    pub length: u64,
}

/// Answers with the text and its length. Benchmarks measure it, since it has typed input and output and no work.
#[derive(Debug, Clone, Copy)]
pub struct TypedEcho;

impl Service for TypedEcho {
    const NAME: &'static str = "samples.echo";
    const DOC: &'static str = "Answers with the text and its length in characters.";
    type Input = Text;
    type Output = Measured;

    fn options() -> Options {
        Options {
            idempotent: true,
            ..Options::default()
        }
    }

    async fn handle(&self, _ctx: &Context, input: Text) -> Result<Measured, Fault> {
        let length = input.text.chars().count() as u64;
        Ok(Measured {
            text: input.text,
            length,
        })
    }
}
