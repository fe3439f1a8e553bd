//! Many rows in few statements.

use crate::error::Result;
use crate::store::Tx;
use crate::value::{Row, SqlValue};

/// Rows of one full statement. What remains goes one by one, so that there are two texts to prepare and no more.
/// Kept small, because SQLite finds each parameter by walking the list of their names.
const ROWS: usize = 32;

/// `INSERT INTO <head> VALUES (…), (…) <tail>` for all rows, which have `WIDTH` values each.
pub(crate) async fn insert<const WIDTH: usize>(
    tx: &mut dyn Tx,
    head: &str,
    tail: &str,
    rows: Vec<[SqlValue; WIDTH]>,
) -> Result<Vec<Row>> {
    let full = text::<WIDTH>(head, tail, ROWS);
    let single = text::<WIDTH>(head, tail, 1);
    let mut answers = Vec::new();
    let mut rows = rows.into_iter();
    while rows.len() >= ROWS {
        let values: Vec<SqlValue> = rows.by_ref().take(ROWS).flatten().collect();
        answers.extend(tx.query(&full, values).await?);
    }
    for row in rows {
        answers.extend(tx.query(&single, row.into()).await?);
    }
    Ok(answers)
}

/// `<head> ($1, …, $32) <tail>` for all values, so many at a time. A shorter rest is filled up with its last value, which
/// a set does not mind, so that there is one text to prepare.
pub(crate) async fn of(
    tx: &mut dyn Tx,
    head: &str,
    tail: &str,
    values: Vec<SqlValue>,
) -> Result<Vec<Row>> {
    let list: Vec<String> = (1..=ROWS).map(|number| format!("${number}")).collect();
    let sql = format!("{head} ({}) {tail}", list.join(", "));
    let mut answers = Vec::new();
    for part in values.chunks(ROWS) {
        let mut part = part.to_vec();
        if let Some(last) = part.last().cloned() {
            part.resize(ROWS, last);
        }
        answers.extend(tx.query(&sql, part).await?);
    }
    Ok(answers)
}

fn text<const WIDTH: usize>(head: &str, tail: &str, rows: usize) -> String {
    let mut sql = format!("INSERT INTO {head} VALUES ");
    for row in 0..rows {
        for column in 0..WIDTH {
            let before = match (row, column) {
                (0, 0) => "(",
                (_, 0) => ", (",
                (_, _) => ", ",
            };
            sql.push_str(&format!("{before}${}", row * WIDTH + column + 1));
        }
        sql.push(')');
    }
    sql.push(' ');
    sql.push_str(tail);
    sql
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn parameters_are_numbered_through() {
        assert_eq!(
            text::<2>("t (a, b)", "RETURNING a", 2),
            "INSERT INTO t (a, b) VALUES ($1, $2), ($3, $4) RETURNING a"
        );
    }
}
