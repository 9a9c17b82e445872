//! Plants faults in flights.

use xtask::Result;

/// How many records are spoilt.
pub(crate) const PLANTED: u64 = FAULTS.len() as u64;

/// Where a fault lies and what it is.
struct Fault {
    /// The record, from 1.
    record: usize,
    spoil: Spoil,
}

enum Spoil {
    /// Another text in a column, which counts from 0.
    Cell(usize, &'static str),
    /// The last cell is lost.
    Cut,
    /// There is a cell too many.
    Append,
}

use Spoil::{Append, Cell, Cut};

/// A dozen, as people and programs make them.
const FAULTS: [Fault; 12] = [
    Fault { record: 12, spoil: Cell(0, "20l3") },
    Fault { record: 101, spoil: Cell(1, "13") },
    Fault { record: 202, spoil: Cell(2, "") },
    Fault { record: 303, spoil: Cell(10, "UA1545") },
    Fault { record: 404, spoil: Cell(9, "ual") },
    Fault { record: 505, spoil: Cell(12, "BOS") },
    Fault { record: 606, spoil: Cell(15, "\"1,400\"") },
    Fault { record: 777, spoil: Cut },
    Fault { record: 888, spoil: Append },
    Fault { record: 999, spoil: Cell(3, "2460") },
    Fault { record: 1234, spoil: Cell(18, "2013-02-30 05:00:00") },
    Fault { record: 1999, spoil: Cell(5, "99999") },
];

/// Spoils the records of a file whose first line is its header.
pub(crate) fn plant(file: &str) -> Result<Vec<u8>> {
    let mut lines: Vec<String> = file.lines().map(str::to_owned).collect();
    for fault in &FAULTS {
        let line = lines.get_mut(fault.record).ok_or("the slice is shorter than its faults")?;
        let mut cells: Vec<&str> = line.split(',').collect();
        match fault.spoil {
            Cell(column, text) => {
                *cells.get_mut(column).ok_or("flights.csv has too few columns")? = text
            }
            Cut => drop(cells.pop()),
            Append => cells.push("?"),
        }
        *line = cells.join(",");
    }
    Ok((lines.join("\n") + "\n").into_bytes())
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_the_records_of_the_list_are_spoilt() {
        let row = vec!["1"; 19].join(",");
        let file = format!("header\n{}", format!("{row}\n").repeat(2000));
        let planted = String::from_utf8(plant(&file).unwrap()).unwrap();
        let spoilt: Vec<usize> = planted
            .lines()
            .zip(file.lines())
            .enumerate()
            .filter(|(_, (a, b))| a != b)
            .map(|(line, _)| line)
            .collect();
        assert_eq!(spoilt, FAULTS.map(|fault| fault.record));
        assert_eq!(planted.lines().nth(12), Some(row.replacen('1', "20l3", 1).as_str()));
    }
}
