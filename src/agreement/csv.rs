//! Comma-separated text with a header line.
//!
//! Input: a file. Output: [`Table`]: rows whose fields are asked for by column name. Fields may be quoted and then hold
//! commas, doubled quotes and line ends. Errors name file and line. Source: RFC 4180.

use std::path::Path;

use super::AgreementError;

/// Largest table (bytes).
const BYTES_MAX: u64 = 16 << 20;
/// Most rows of a table.
const ROWS_MAX: usize = 100_000;
/// Most columns of a table.
const COLUMNS_MAX: usize = 64;

/// A table with named columns.
pub(super) struct Table<'a> {
    path: &'a Path,
    columns: Vec<String>,
    rows: Vec<(usize, Vec<String>)>,
}

/// One row of a table.
pub(super) struct Row<'a> {
    table: &'a Table<'a>,
    /// Line of the file, counted from 1.
    pub(super) line: usize,
    fields: &'a [String],
}

/// The text of a table file.
pub(super) fn read(path: &Path) -> Result<String, AgreementError> {
    let failed = |source| AgreementError::Read { path: path.to_owned(), source };
    let bytes = std::fs::metadata(path).map_err(failed)?.len();
    if bytes > BYTES_MAX {
        return Err(AgreementError::document(path, format!("{bytes} bytes, at most {BYTES_MAX} are read")));
    }
    std::fs::read_to_string(path).map_err(failed)
}

impl<'a> Table<'a> {
    /// Splits a text; every column of `required` must stand in the header.
    pub(super) fn parse(path: &'a Path, text: &str, required: &[&str]) -> Result<Table<'a>, AgreementError> {
        let mut lines = records(path, text.strip_prefix('\u{feff}').unwrap_or(text))?.into_iter();
        let (_, header) = lines.next().ok_or_else(|| AgreementError::table(path, 1, "no header line"))?;
        let columns: Vec<String> = header.iter().map(|name| name.trim().to_lowercase()).collect();
        if columns.len() > COLUMNS_MAX {
            return Err(AgreementError::table(path, 1, format!("{} columns, at most {COLUMNS_MAX}", columns.len())));
        }
        for name in required {
            if !columns.iter().any(|column| column == name) {
                let found = columns.join(", ");
                return Err(AgreementError::table(path, 1, format!("no column {name:?} in the header ({found})")));
            }
        }
        let mut rows = Vec::new();
        for (line, fields) in lines {
            if fields.len() != columns.len() {
                let message = format!("{} fields, the header has {}", fields.len(), columns.len());
                return Err(AgreementError::table(path, line, message));
            }
            if rows.len() == ROWS_MAX {
                return Err(AgreementError::TooMany { path: path.to_owned(), limit: ROWS_MAX, what: "rows" });
            }
            rows.push((line, fields));
        }
        Ok(Table { path, columns, rows })
    }

    /// The rows in file order.
    pub(super) fn rows(&'a self) -> impl Iterator<Item = Row<'a>> {
        self.rows.iter().map(|(line, fields)| Row { table: self, line: *line, fields })
    }
}

impl Row<'_> {
    /// The field of a column, trimmed; empty where there is no such column.
    pub(super) fn text(&self, column: &str) -> &str {
        let at = self.table.columns.iter().position(|name| name == column);
        at.and_then(|at| self.fields.get(at)).map_or("", |field| field.trim())
    }

    /// The field of a column, which must not be empty.
    pub(super) fn needed(&self, column: &str) -> Result<&str, AgreementError> {
        let text = self.text(column);
        if text.is_empty() { Err(self.wrong(format!("{column} is empty"))) } else { Ok(text) }
    }

    /// The number in a column; `None` where the field is empty.
    pub(super) fn number(&self, column: &str) -> Result<Option<f64>, AgreementError> {
        let text = self.text(column);
        if text.is_empty() {
            return Ok(None);
        }
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
        number.map(Some).ok_or_else(|| self.wrong(format!("{column} is {text:?}, expected a number")))
    }

    /// An error about this row.
    pub(super) fn wrong(&self, message: impl Into<String>) -> AgreementError {
        AgreementError::table(self.table.path, self.line, message)
    }
}

/// Records with the line that each begins at; empty lines are left out.
fn records(path: &Path, text: &str) -> Result<Vec<(usize, Vec<String>)>, AgreementError> {
    let mut records = Vec::new();
    let mut fields = Vec::new();
    let mut field = String::new();
    let (mut line, mut begins, mut quoted, mut was_quoted) = (1_usize, 1_usize, false, false);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => field.extend(characters.next()),
            '"' if quoted => quoted = false,
            '"' if field.trim().is_empty() && !was_quoted => {
                field.clear();
                (quoted, was_quoted) = (true, true);
            }
            ',' if !quoted => {
                fields.push(std::mem::take(&mut field));
                was_quoted = false;
            }
            '\n' if !quoted => {
                fields.push(std::mem::take(&mut field));
                finish(&mut records, begins, std::mem::take(&mut fields));
                was_quoted = false;
                line += 1;
                begins = line;
            }
            '\r' if !quoted => {}
            other => {
                line += usize::from(other == '\n');
                field.push(other);
            }
        }
    }
    if quoted {
        return Err(AgreementError::table(path, begins, "a quoted field is not closed"));
    }
    fields.push(field);
    finish(&mut records, begins, fields);
    Ok(records)
}

fn finish(records: &mut Vec<(usize, Vec<String>)>, line: usize, fields: Vec<String>) {
    if fields.iter().any(|field| !field.trim().is_empty()) {
        records.push((line, fields));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<(usize, String, Option<f64>)>, String> {
        let table = Table::parse(Path::new("t.csv"), text, &["case", "value"]).map_err(|error| error.to_string())?;
        table
            .rows()
            .map(|row| Ok((row.line, row.text("case").to_owned(), row.number("value").map_err(|e| e.to_string())?)))
            .collect()
    }

    #[test]
    fn quoted_fields_hold_commas_quotes_and_line_ends() {
        let rows = parse("case,value,note\n\"a, \"\"b\"\"\",1.5,\"two\nlines\"\r\n\nc,,\n").unwrap();
        assert_eq!(rows, [(2, "a, \"b\"".to_owned(), Some(1.5)), (5, "c".to_owned(), None)]);
    }

    #[test]
    fn columns_may_stand_in_any_order() {
        assert_eq!(parse("Value, CASE\n2,x").unwrap(), [(2, "x".to_owned(), Some(2.0))]);
    }

    #[test]
    fn errors_name_the_file_and_the_line() {
        assert_eq!(parse("case\nx").unwrap_err(), "t.csv, line 1: no column \"value\" in the header (case)");
        assert_eq!(parse("case,value\nx,1\ny").unwrap_err(), "t.csv, line 3: 1 fields, the header has 2");
        assert_eq!(parse("case,value\nx,nan").unwrap_err(), "t.csv, line 2: value is \"nan\", expected a number");
        assert_eq!(parse("case,value\n\"x,1").unwrap_err(), "t.csv, line 2: a quoted field is not closed");
        assert_eq!(parse("").unwrap_err(), "t.csv, line 1: no header line");
    }
}
