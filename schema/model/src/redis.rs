//! What Redis answers to a command.

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedisReply {
    /// There is nothing.
    Nil,
    /// A number.
    Integer(i64),
    /// A text; bytes that are not UTF-8 are replaced.
    Text(String),
    /// Several answers.
    List(Vec<RedisReply>),
}
