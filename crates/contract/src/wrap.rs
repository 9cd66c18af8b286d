//! Text in lines of at most a given width, continued under where it began.

use std::fmt;

/// The width of everything that is printed.
pub(crate) const WIDTH: usize = 100;

/// Writes `head`, pads it to `indent` columns, and then `text` wrapped beside it.
pub(crate) fn write_beside(
    f: &mut fmt::Formatter<'_>,
    head: &str,
    indent: usize,
    text: &str,
) -> fmt::Result {
    write!(f, "{head}")?;
    let mut column = head.chars().count();
    let mut first = true;
    if column >= indent && indent > 0 && column > 0 {
        writeln!(f)?;
        column = 0;
    }
    for word in text.split_whitespace() {
        let width = word.chars().count();
        if !first && column + 1 + width > WIDTH {
            writeln!(f)?;
            column = 0;
            first = true;
        }
        if first {
            write!(f, "{}{word}", " ".repeat(indent.saturating_sub(column)))?;
            column = column.max(indent) + width;
            first = false;
        } else {
            write!(f, " {word}")?;
            column += 1 + width;
        }
    }
    writeln!(f)
}
