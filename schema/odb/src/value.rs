//! What goes into a statement and comes out of it: the five types both databases mean alike.

use std::error::Error;

use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::error::{OdbError, Result};

/// A value in either database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SqlValue {
    /// NULL of any type.
    Null,
    /// BIGINT.
    Int(i64),
    /// TEXT.
    Text(String),
    /// BOOLEAN.
    Bool(bool),
    /// BYTEA.
    Bytes(Vec<u8>),
}

impl From<i64> for SqlValue {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<bool> for SqlValue {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&str> for SqlValue {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for SqlValue {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<Vec<u8>> for SqlValue {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(value)
    }
}

impl<T: Into<Self>> From<Option<T>> for SqlValue {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Values for `$1`, `$2`, ... in this order.
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$($crate::value::SqlValue::from($value)),*] };
}
pub(crate) use values;

impl ToSql for SqlValue {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut tokio_postgres::types::private::BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(value) => value.to_sql_checked(ty, out),
            Self::Text(value) => value.to_sql_checked(ty, out),
            Self::Bool(value) => value.to_sql_checked(ty, out),
            Self::Bytes(value) => value.to_sql_checked(ty, out),
        }
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::INT8 | Type::TEXT | Type::BOOL | Type::BYTEA)
    }

    to_sql_checked!();
}

impl rusqlite::ToSql for SqlValue {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        use rusqlite::types::{ToSqlOutput, Value, ValueRef};
        Ok(match self {
            Self::Null => ToSqlOutput::Owned(Value::Null),
            Self::Int(value) => ToSqlOutput::Owned(Value::Integer(*value)),
            Self::Text(value) => ToSqlOutput::Borrowed(ValueRef::Text(value.as_bytes())),
            Self::Bool(value) => ToSqlOutput::Owned(Value::Integer(i64::from(*value))),
            Self::Bytes(value) => ToSqlOutput::Borrowed(ValueRef::Blob(value)),
        })
    }
}

/// One row, read column by column in the order of the SELECT or RETURNING list.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    columns: std::vec::IntoIter<SqlValue>,
}

impl Row {
    /// A row of these columns.
    pub(crate) fn new(columns: Vec<SqlValue>) -> Self {
        Self {
            columns: columns.into_iter(),
        }
    }

    fn next(&mut self, wanted: &str) -> Result<SqlValue> {
        self.columns
            .next()
            .ok_or_else(|| OdbError::corrupt(format!("a row ends where {wanted} was expected")))
    }

    /// The next column, a BIGINT.
    ///
    /// # Errors
    /// `Corrupt` when it is NULL or of another type.
    pub(crate) fn int(&mut self) -> Result<i64> {
        self.opt_int()?.ok_or_else(|| unexpected("BIGINT", "NULL"))
    }

    /// The next column, a BIGINT or NULL.
    ///
    /// # Errors
    /// `Corrupt` when it is of another type.
    pub(crate) fn opt_int(&mut self) -> Result<Option<i64>> {
        match self.next("BIGINT")? {
            SqlValue::Null => Ok(None),
            SqlValue::Int(value) => Ok(Some(value)),
            SqlValue::Text(_) => Err(unexpected("BIGINT", "TEXT")),
            SqlValue::Bool(_) => Err(unexpected("BIGINT", "BOOLEAN")),
            SqlValue::Bytes(_) => Err(unexpected("BIGINT", "BYTEA")),
        }
    }

    /// The next column, a TEXT.
    ///
    /// # Errors
    /// `Corrupt` when it is NULL or of another type.
    pub(crate) fn text(&mut self) -> Result<String> {
        self.opt_text()?.ok_or_else(|| unexpected("TEXT", "NULL"))
    }

    /// The next column, a TEXT or NULL.
    ///
    /// # Errors
    /// `Corrupt` when it is of another type.
    pub(crate) fn opt_text(&mut self) -> Result<Option<String>> {
        match self.next("TEXT")? {
            SqlValue::Null => Ok(None),
            SqlValue::Text(value) => Ok(Some(value)),
            SqlValue::Int(_) => Err(unexpected("TEXT", "BIGINT")),
            SqlValue::Bool(_) => Err(unexpected("TEXT", "BOOLEAN")),
            SqlValue::Bytes(_) => Err(unexpected("TEXT", "BYTEA")),
        }
    }

    /// The next column, a BOOLEAN; SQLite keeps it as 0 or 1.
    ///
    /// # Errors
    /// `Corrupt` when it is NULL or of another type.
    pub(crate) fn bool(&mut self) -> Result<bool> {
        match self.next("BOOLEAN")? {
            SqlValue::Bool(value) => Ok(value),
            SqlValue::Int(value) => Ok(value != 0),
            SqlValue::Null => Err(unexpected("BOOLEAN", "NULL")),
            SqlValue::Text(_) => Err(unexpected("BOOLEAN", "TEXT")),
            SqlValue::Bytes(_) => Err(unexpected("BOOLEAN", "BYTEA")),
        }
    }

    /// The next column, a BYTEA.
    ///
    /// # Errors
    /// `Corrupt` when it is NULL or of another type.
    pub(crate) fn bytes(&mut self) -> Result<Vec<u8>> {
        match self.next("BYTEA")? {
            SqlValue::Bytes(value) => Ok(value),
            SqlValue::Null => Err(unexpected("BYTEA", "NULL")),
            SqlValue::Int(_) => Err(unexpected("BYTEA", "BIGINT")),
            SqlValue::Bool(_) => Err(unexpected("BYTEA", "BOOLEAN")),
            SqlValue::Text(_) => Err(unexpected("BYTEA", "TEXT")),
        }
    }
}

fn unexpected(wanted: &str, found: &str) -> OdbError {
    OdbError::corrupt(format!("{wanted} expected, {found} found"))
}
